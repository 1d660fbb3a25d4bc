// A simulated broker behind the stand-in account: one instrument, filled from bars by the rules of replay/venue.py (fill model next_open), so
// that a run through the bridge must give the trades of `tapewire replay`. It speaks as NinjaTrader does: order states, executions, bracket
// orders per execution, an order that closes at the session's end.
//
// What it can be told to do badly: fill in parts, acknowledge after the fill, reject or ignore an order.

using System;
using System.Collections.Generic;
using NinjaTrader.Cbi;
using NinjaTrader.NinjaScript.Strategies;

namespace Tapewire.Testing
{
    /// <summary>What one contract costs and how badly it fills.</summary>
    public struct Terms
    {
        public double Tick, PointValue, Commission;
        public int SlippageTicks;
    }

    /// <summary>Which orders meet which bad luck. Orders are counted from 1 as they are placed.</summary>
    public sealed class BadLuck
    {
        public bool Partial, Late;
        public int Reject, Ignore;
    }

    /// <summary>One bar, as far as fills care.</summary>
    public struct Tape
    {
        public DateTime Opens, Closes;
        public double Open, High, Low, Close;
        public string Date;
    }

    public sealed class Broker
    {
        sealed class Bracket
        {
            public Order Stop, Target;
            public int Qty;
        }

        readonly Account _account;
        readonly Instrument _instrument;
        readonly Terms _terms;
        readonly BadLuck _luck;
        readonly List<Bracket> _brackets = new List<Bracket>();
        readonly Dictionary<string, double> _stops = new Dictionary<string, double>();
        readonly Dictionary<string, double> _targets = new Dictionary<string, double>();
        readonly Dictionary<string, int> _numbers = new Dictionary<string, int>();
        readonly List<Action> _late = new List<Action>();
        Order _entry, _exit;
        string _held = "";
        int _side, _qty, _placed;
        double _price;
        Strategy _opener; // the run of the strategy whose position it is; another run's managed orders would be ignored
        long _realisedCents;
        bool _any;
        Tape _bar;

        public readonly Position Position;

        /// <summary>The strategy that placed the orders; it hears of them first. Null while none is loaded.</summary>
        public Strategy Strategy;

        public Broker(Account account, Instrument instrument, Terms terms, BadLuck luck)
        {
            _account = account;
            _instrument = instrument;
            _terms = terms;
            _luck = luck;
            Position = new Position { Account = account, Instrument = instrument };
            account.Positions.Add(Position);
            account.Value = item => _realisedCents / 100.0;
            account.Submitting = Submit;
            account.Changing = Change;
            account.Cancelling = Cancel;
        }

        // --- orders -------------------------------------------------------------------------------------------------------------

        public void SetStop(string entry, double price)
        {
            _stops[entry] = price;
            foreach (Bracket bracket in _brackets)
                if (_held == entry && Strategy == _opener) Rest(bracket.Stop, price);
        }

        public void SetTarget(string entry, double price)
        {
            _targets[entry] = price;
            foreach (Bracket bracket in _brackets)
                if (_held == entry && Strategy == _opener && bracket.Target != null) Rest(bracket.Target, price);
        }

        /// <summary>Null, and no word more, for what NinjaTrader would ignore: a second entry.</summary>
        public Order Enter(OrderAction action, OrderType type, int quantity, double limit, string name)
        {
            _placed++;
            if (_entry != null || _held != "" || _placed == _luck.Ignore) return null;
            Order order = Placed(action, type, quantity, limit, name, "");
            if (_placed == _luck.Reject)
            {
                Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "simulated rejection");
                return order;
            }
            _entry = order;
            Acknowledge(order);
            return order;
        }

        public Order Exit(OrderAction action, int quantity, string name, string fromEntry)
        {
            if (_held == "" || _held != fromEntry || _exit != null || Strategy != _opener) return null;
            _exit = Placed(action, OrderType.Market, quantity, 0, name, fromEntry);
            Acknowledge(_exit);
            return _exit;
        }

        /// <summary>A market order past the managed approach: it closes what is open.</summary>
        void Submit(Order order)
        {
            order.OrderId = "O" + (_account.Orders.Count + 1);
            _account.Orders.Add(order);
            Tell(order, OrderState.Submitted);
            if (_held == "" || _exit != null)
            {
                Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "nothing to close");
                return;
            }
            _exit = order;
            Acknowledge(order);
        }

        void Change(Order order)
        {
            if (order.OrderType == OrderType.StopMarket) Rest(order, order.StopPriceChanged);
            else Rest(order, order.LimitPriceChanged);
        }

        void Cancel(Order order)
        {
            if (order == _entry) _entry = null;
            else if (order == _exit) _exit = null;
            else if (!_brackets.Exists(bracket => bracket.Stop == order || bracket.Target == order)) return;
            Tell(order, OrderState.Cancelled);
        }

        Order Placed(OrderAction action, OrderType type, int quantity, double limit, string name, string fromEntry)
        {
            var order = new Order
            {
                OrderId = "O" + (_account.Orders.Count + 1), Name = name, FromEntrySignal = fromEntry, Instrument = _instrument, Account = _account,
                OrderAction = action, OrderType = type, Quantity = quantity, LimitPrice = limit, Time = _bar.Closes,
            };
            _account.Orders.Add(order);
            Tell(order, OrderState.Submitted);
            return order;
        }

        void Acknowledge(Order order)
        {
            if (_luck.Late)
            {
                _late.Add(() => Tell(order, order.OrderState == OrderState.Submitted ? OrderState.Working : order.OrderState));
                return;
            }
            Tell(order, OrderState.Accepted);
            Tell(order, OrderState.Working);
        }

        void Rest(Order order, double price)
        {
            if (order.OrderState != OrderState.Working) return;
            Tell(order, OrderState.ChangePending);
            if (order.OrderType == OrderType.StopMarket) order.StopPrice = price;
            else order.LimitPrice = price;
            Tell(order, OrderState.Accepted);
            Tell(order, OrderState.Working);
        }

        // --- a bar ------------------------------------------------------------------------------------------------------------------

        /// <summary>What the new bar does to our orders: the end of the last date, the open, the bracket.</summary>
        public void OnBar(Tape bar)
        {
            if (_any && bar.Date != _bar.Date)
            {
                EndDate();
                _realisedCents = 0;
            }
            _any = true;
            _bar = bar;
            bool resting = _entry != null && _entry.OrderType == OrderType.Limit;
            if (resting) WorkLimit();
            else if (_entry != null) Filled(Slipped(bar.Open, _entry.OrderAction == OrderAction.Buy ? 1 : -1));
            else if (_exit != null && _held != "") Leave(_exit, bar.Open, bar.Opens);
            if (_held != "") TestBracket(!resting);
            Action[] late = _late.ToArray();
            _late.Clear();
            foreach (Action each in late) each();
        }

        /// <summary>The data has ended: as at the end of a date.</summary>
        public void Finish() { if (_any) EndDate(); }

        /// <summary>A market order of a person's, filled at the last close: it changes the account's position, not the strategy's brackets.</summary>
        public void Foreign(int qty)
        {
            int signed = _side * _qty + qty;
            OrderAction action = qty > 0 ? OrderAction.Buy : OrderAction.Sell;
            Order order = Placed(action, OrderType.Market, Math.Abs(qty), 0, "Manual", "");
            _side = Math.Sign(signed);
            _qty = Math.Abs(signed);
            if (_price == 0) _price = _bar.Close;
            Execute(order, Math.Abs(qty), _bar.Close, _bar.Closes.AddSeconds(5), "Manual");
            if (_qty == 0) _held = "";
        }

        void WorkLimit()
        {
            bool buys = _entry.OrderAction == OrderAction.Buy;
            double limit = _entry.LimitPrice;
            if (buys ? _bar.Low <= limit : _bar.High >= limit) Filled(buys ? Math.Min(_bar.Open, limit) : Math.Max(_bar.Open, limit));
        }

        void Filled(double price)
        {
            Order order = _entry;
            _entry = null;
            _held = order.Name;
            _opener = Strategy;
            _side = order.OrderAction == OrderAction.Buy ? 1 : -1;
            _price = price;
            int first = _luck.Partial && order.Quantity > 1 ? 1 : order.Quantity;
            Part(order, first, price);
            if (first < order.Quantity) Part(order, order.Quantity - first, price);
        }

        void Part(Order order, int qty, double price)
        {
            _qty += qty;
            Execute(order, qty, price, _bar.Opens, order.Name);
            OrderAction closing = _side > 0 ? OrderAction.Sell : OrderAction.BuyToCover;
            var bracket = new Bracket { Qty = qty };
            if (_stops.TryGetValue(order.Name, out double stop))
                bracket.Stop = Protect(Book.StopName, closing, OrderType.StopMarket, qty, stop);
            if (_targets.TryGetValue(order.Name, out double target))
                bracket.Target = Protect(Book.TargetName, closing, OrderType.Limit, qty, target);
            _brackets.Add(bracket);
        }

        Order Protect(string name, OrderAction action, OrderType type, int qty, double price)
        {
            Order order = Placed(action, type, qty, type == OrderType.Limit ? price : 0, name, _held);
            order.StopPrice = type == OrderType.StopMarket ? price : 0;
            Tell(order, OrderState.Accepted);
            Tell(order, OrderState.Working);
            return order;
        }

        /// <summary>First match: open beyond the stop, open beyond the target, stop touched, target touched.</summary>
        void TestBracket(bool targetCounts)
        {
            double? stop = Resting(bracket => bracket.Stop, order => order.StopPrice);
            double? target = targetCounts ? Resting(bracket => bracket.Target, order => order.LimitPrice) : null;
            double adverse = _side > 0 ? _bar.Low : _bar.High, favourable = _side > 0 ? _bar.High : _bar.Low;
            if (stop != null && (_bar.Open - stop) * _side <= 0) LeaveBracket(true, _bar.Open);
            else if (target != null && (_bar.Open - target) * _side >= 0) LeaveBracket(false, _bar.Open);
            else if (stop != null && (adverse - stop) * _side <= 0) LeaveBracket(true, (double)stop);
            else if (target != null && (favourable - target) * _side >= 0) LeaveBracket(false, (double)target);
        }

        double? Resting(Func<Bracket, Order> which, Func<Order, double> price)
        {
            foreach (Bracket bracket in _brackets)
            {
                Order order = which(bracket);
                if (order != null && order.OrderState == OrderState.Working) return price(order);
            }
            return null;
        }

        void LeaveBracket(bool stopped, double at)
        {
            double price = Slipped(at, -_side);
            foreach (Bracket bracket in _brackets.ToArray())
            {
                Order order = stopped ? bracket.Stop : bracket.Target;
                if (order == null || order.OrderState != OrderState.Working) continue;
                Close(order, bracket.Qty, price, _bar.Opens.AddSeconds(1));
            }
            if (_qty == 0) Flat();
        }

        void Leave(Order order, double at, DateTime time)
        {
            Close(order, order.Quantity, Slipped(at, -_side), time);
            if (_qty == 0) Flat();
        }

        /// <summary>A working entry is cancelled; an open position is closed at the last close, half a minute before the end.</summary>
        void EndDate()
        {
            if (_entry != null) Cancel(_entry);
            if (_held == "") return;
            Order order = Placed(_side > 0 ? OrderAction.Sell : OrderAction.BuyToCover, OrderType.Market, _qty, 0, Book.SessionEndName, _held);
            Leave(order, _bar.Close, _bar.Closes.AddSeconds(-30));
        }

        void Close(Order order, int qty, double price, DateTime time)
        {
            _realisedCents += (long)Math.Round((price - _price) / _terms.Tick) * qty * _side * (long)Math.Round(_terms.Tick * _terms.PointValue * 100);
            _realisedCents -= 2 * qty * (long)Math.Round(_terms.Commission * 100);
            _qty -= qty;
            Execute(order, qty, price, time, order.FromEntrySignal == "" || order == _exit ? order.Name : _held);
        }

        void Flat()
        {
            _held = "";
            _side = 0;
            foreach (Bracket bracket in _brackets)
                foreach (Order order in new[] { bracket.Stop, bracket.Target })
                    if (order != null && order.OrderState == OrderState.Working) Tell(order, OrderState.Cancelled);
            _brackets.Clear();
            Order exit = _exit;
            _exit = null;
            if (exit != null && exit.OrderState != OrderState.Filled) Tell(exit, OrderState.Cancelled);
        }

        double Slipped(double at, int side) { return Math.Round(at + side * _terms.SlippageTicks * _terms.Tick, 10); }

        // --- what is told ---------------------------------------------------------------------------------------------------------------

        void Execute(Order order, int qty, double price, DateTime time, string idOf)
        {
            order.AverageFillPrice = (order.AverageFillPrice * order.Filled + price * qty) / (order.Filled + qty);
            order.Filled += qty;
            Tell(order, order.Filled < order.Quantity ? OrderState.PartFilled : OrderState.Filled);
            string stem = _instrument.MasterInstrument.Name + "-" + idOf + "-E";
            _numbers.TryGetValue(stem, out int number);
            _numbers[stem] = ++number;
            bool bought = order.OrderAction == OrderAction.Buy || order.OrderAction == OrderAction.BuyToCover;
            var execution = new Execution
            {
                Account = _account, Instrument = _instrument, Order = order, ExecutionId = stem + number, Name = order.Name, Price = price, Quantity = qty,
                MarketPosition = bought ? MarketPosition.Long : MarketPosition.Short, Time = time,
            };
            _account.Executions.Add(execution);
            Position.Quantity = _qty;
            Position.MarketPosition = _qty == 0 ? MarketPosition.Flat : _side > 0 ? MarketPosition.Long : MarketPosition.Short;
            Position.AveragePrice = _qty == 0 ? 0 : _price;
            if (Strategy != null) Strategy.Tell(execution);
            _account.Tell(new ExecutionEventArgs { Execution = execution });
            if (Strategy != null) Strategy.Tell(Position);
        }

        void Tell(Order order, OrderState state, ErrorCode error = ErrorCode.NoError, string comment = "")
        {
            order.OrderState = state;
            if (Strategy != null) Strategy.Tell(order, error, comment);
            _account.Tell(new OrderEventArgs { Order = order, OrderState = state, Error = error, Comment = comment });
        }
    }
}
