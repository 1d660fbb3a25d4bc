// A simulated broker behind the stand-in account, for one instrument. It fills orders from bars by the rules of replay/venue (fill model
// next_open), so that a run through the bridge must give the trades of `tapewire replay`. It reports as NinjaTrader does: order states,
// executions, bracket orders per execution, an order that closes at the session's end.
//
// A real broker is another computer, where a fill stands whether or not NinjaTrader lives to report it. So this one writes every change to
// disk before it reports it, and a process that is killed between the two finds the change in the account.
//
// Options make it fill in parts, acknowledge after the fill, reject an order or ignore one.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Runtime.Serialization.Formatters.Binary;
using NinjaTrader.Cbi;
using NinjaTrader.NinjaScript.Strategies;

namespace Tapewire.Testing
{
    /// <summary>Costs and slippage of one contract.</summary>
    public struct Terms
    {
        public double Tick, PointValue, Commission;
        public int SlippageTicks;
    }

    /// <summary>
    /// What goes wrong. Partial: entries fill in two parts. Slow: entries and closes fill one contract a bar. Late: orders are acknowledged after the fill. Reject, Ignore: number of the order,
    /// counted from 1 as they are placed. Stuck: closes are accepted and never fill. RejectExits, RejectStops: closes, or stops, are
    /// rejected. Cross: a cancel of an entry crosses its fill, which comes instead of the cancel (1) or after it (2). Forgets: a new process finds working orders and the position in the account, but neither
    /// executions nor finished orders.
    /// </summary>
    public sealed class BadLuck
    {
        public bool Partial, Slow, Late, Stuck, RejectExits, RejectStops, Forgets;
        public int Reject, Ignore, Cross;
    }

    /// <summary>One bar, as far as fills depend on it.</summary>
    [Serializable]
    public struct TradedBar
    {
        public DateTime Opens, Closes;
        public double Open, High, Low, Close;
        public string Date;
    }

    public sealed class Broker
    {
        const int Remembered = 100; // orders and executions that a new process finds in the account

        [Serializable]
        sealed class Bracket
        {
            public Order Stop, Target;
            public int Qty;
        }

        /// <summary>What the broker keeps while the trader's PC is off.</summary>
        [Serializable]
        sealed class Snapshot
        {
            public List<Bracket> Brackets = new List<Bracket>();
            public Dictionary<string, double> Stops = new Dictionary<string, double>();
            public Dictionary<string, double> Targets = new Dictionary<string, double>();
            public HashSet<string> TickStops = new HashSet<string>(), TickTargets = new HashSet<string>(); // entries whose value is in ticks from the fill
            public Dictionary<string, int> Numbers = new Dictionary<string, int>();
            public List<Order> Orders = new List<Order>();
            public List<Execution> Executions = new List<Execution>();
            public Order Entry, Exit;
            public string Held = "";
            public int Side, Qty, Placed, Numbered, Index = -1;
            public double Price;
            public long RealisedCents;
            public bool Any;
            public TradedBar Bar;
        }

        readonly Account _account;
        readonly Instrument _instrument;
        readonly Terms _terms;
        readonly BadLuck _luck;
        readonly List<Action> _late = new List<Action>();
        readonly Queue<Action> _reports = new Queue<Action>();
        readonly string _file;
        Snapshot _now = new Snapshot();
        Strategy _opener; // the run of the strategy that opened the position; managed orders of another run are ignored

        public readonly Position Position;

        /// <summary>The strategy that placed the orders, which gets each report first. Null while none is loaded.</summary>
        public Strategy Strategy;

        /// <param name="file">The file of the broker's state, for a process that is killed; empty: none.</param>
        public Broker(Account account, Instrument instrument, Terms terms, BadLuck luck, string file)
        {
            _file = file;
            _account = account;
            _instrument = instrument;
            _terms = terms;
            _luck = luck;
            Position = new Position { Account = account, Instrument = instrument };
            account.Positions.Add(Position);
            Func<AccountItem, double> others = account.Value;
            account.Value = item => (others == null ? 0 : others(item)) + (item == AccountItem.UnrealizedProfitLoss ? Open() : _now.RealisedCents / 100.0);
            account.Submitting += order => IfMine(order, Submit);
            account.Changing += order => IfMine(order, Change);
            account.Cancelling += order => IfMine(order, Cancel);
            if (file != "" && File.Exists(file)) Restore();
        }

        /// <summary>An account has one broker for each instrument.</summary>
        void IfMine(Order order, Action<Order> act)
        {
            if (order.Instrument == _instrument) act(order);
        }

        /// <summary>The number of the last bar that was traded; -1 before the first.</summary>
        public int Index { get { return _now.Index; } }

        /// <summary>The state: `flat`, `working ENTRY`, or `open ENTRY STOP TARGET` with the resting prices (- for none).</summary>
        public string Stands
        {
            get
            {
                if (_now.Held != "") return "open " + _now.Held + " " + Text(Stop()) + " " + Text(Target());
                return _now.Entry == null ? "flat" : "working " + _now.Entry.Name;
            }
        }

        /// <summary>Makes a change, writes it to disk, then reports it, all inside the call that caused it.</summary>
        void Act(Action change)
        {
            change();
            Save();
            while (_reports.Count > 0) _reports.Dequeue()();
        }

        /// <summary>Writes the state to disk, whole or not at all.</summary>
        void Save()
        {
            if (_file == "") return;
            _now.Orders = Last(_account.Orders.FindAll(order => order.Instrument == _instrument));
            _now.Executions = Last(_account.Executions.FindAll(execution => execution.Instrument == _instrument));
            using (var file = new FileStream(_file + ".new", FileMode.Create)) new BinaryFormatter().Serialize(file, _now);
            if (File.Exists(_file)) File.Replace(_file + ".new", _file, null);
            else File.Move(_file + ".new", _file);
        }

        void Restore()
        {
            using (var file = new FileStream(_file, FileMode.Open)) _now = (Snapshot)new BinaryFormatter().Deserialize(file);
            if (_luck.Forgets)
            {
                _now.Orders.RemoveAll(order => order.OrderState != OrderState.Working);
                _now.Executions.Clear();
            }
            foreach (Order order in _now.Orders)
            {
                order.Account = _account;
                order.Instrument = _instrument;
                _account.Orders.Add(order);
            }
            foreach (Execution execution in _now.Executions)
            {
                execution.Account = _account;
                execution.Instrument = _instrument;
                _account.Executions.Add(execution);
            }
            Stand();
        }

        static List<T> Last<T>(List<T> all) { return all.GetRange(Math.Max(0, all.Count - Remembered), Math.Min(all.Count, Remembered)); }

        void Stand()
        {
            Position.Quantity = _now.Qty;
            Position.MarketPosition = _now.Qty == 0 ? MarketPosition.Flat : _now.Side > 0 ? MarketPosition.Long : MarketPosition.Short;
            Position.AveragePrice = _now.Qty == 0 ? 0 : _now.Price;
        }

        // --- orders -------------------------------------------------------------------------------------------------------------

        public void SetStop(string entry, double price, bool ticks)
        {
            Act(() =>
            {
                _now.Stops[entry] = price;
                if (!ticks) _now.TickStops.Remove(entry);
                else _now.TickStops.Add(entry);
                foreach (Bracket bracket in _now.Brackets)
                    if (_now.Held == entry && Strategy == _opener) Rest(bracket.Stop, price);
            });
        }

        public void SetTarget(string entry, double price, bool ticks)
        {
            Act(() =>
            {
                _now.Targets[entry] = price;
                if (!ticks) _now.TickTargets.Remove(entry);
                else _now.TickTargets.Add(entry);
                foreach (Bracket bracket in _now.Brackets)
                    if (_now.Held == entry && Strategy == _opener && bracket.Target != null) Rest(bracket.Target, price);
            });
        }

        /// <summary>Null, without a report, for an entry that NinjaTrader would ignore: a second one.</summary>
        public Order Enter(OrderAction action, OrderType type, int quantity, double limit, string name)
        {
            _now.Placed++;
            if (_now.Entry != null || _now.Held != "" || _now.Placed == _luck.Ignore) return null;
            Order order = null;
            Act(() =>
            {
                order = Placed(action, type, quantity, limit, name, "");
                if (_now.Placed == _luck.Reject)
                {
                    Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "simulated rejection");
                    return;
                }
                _now.Entry = order;
                Acknowledge(order);
            });
            return order;
        }

        public Order Exit(OrderAction action, int quantity, string name, string fromEntry)
        {
            if (_now.Held == "" || _now.Held != fromEntry || _now.Exit != null || Strategy != _opener) return null;
            Order order = null;
            Act(() =>
            {
                order = Placed(action, OrderType.Market, quantity, 0, name, fromEntry);
                TakeExit(order);
            });
            return order;
        }

        /// <summary>A market order that bypasses the managed approach and closes the position.</summary>
        void Submit(Order order)
        {
            Act(() =>
            {
                order.OrderId = "O" + ++_now.Numbered;
                _account.Orders.Add(order);
                Tell(order, OrderState.Submitted);
                if (_now.Held == "" || _now.Exit != null)
                {
                    Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "nothing to close");
                    return;
                }
                TakeExit(order);
            });
        }

        void TakeExit(Order order)
        {
            if (_luck.RejectExits)
            {
                Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "simulated rejection of a close");
                return;
            }
            _now.Exit = order;
            Acknowledge(order);
        }

        void Change(Order order) { Act(() => Rest(order, order.OrderType == OrderType.StopMarket ? order.StopPriceChanged : order.LimitPriceChanged)); }

        void Cancel(Order order)
        {
            if (order == _now.Entry && _luck.Cross > 0)
            {
                Act(() =>
                {
                    if (_luck.Cross == 2) Tell(order, OrderState.Cancelled);
                    Filled(_now.Bar.Close);
                });
                return;
            }
            if (order == _now.Entry) _now.Entry = null;
            else if (order == _now.Exit) _now.Exit = null;
            else if (!_now.Brackets.Exists(bracket => bracket.Stop == order || bracket.Target == order)) return;
            Act(() => Tell(order, OrderState.Cancelled));
        }

        Order Placed(OrderAction action, OrderType type, int quantity, double limit, string name, string fromEntry)
        {
            var order = new Order
            {
                OrderId = "O" + ++_now.Numbered, Name = name, FromEntrySignal = fromEntry, Instrument = _instrument, Account = _account,
                OrderAction = action, OrderType = type, Quantity = quantity, LimitPrice = limit, Time = _now.Bar.Closes,
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

        /// <summary>Bar number `index` on the orders: the end of the last trade date, then its open, then the bracket.</summary>
        public void OnBar(TradedBar bar, int index)
        {
            Act(() =>
            {
                _now.Index = index;
                Trade(bar);
            });
        }

        void Trade(TradedBar bar)
        {
            if (_now.Any && bar.Date != _now.Bar.Date)
            {
                EndDate();
                _now.RealisedCents = 0;
            }
            _now.Any = true;
            _now.Bar = bar;
            bool resting = _now.Entry != null && _now.Entry.OrderType == OrderType.Limit;
            if (resting) WorkLimit();
            else if (_now.Entry != null) Filled(Slipped(bar.Open, _now.Entry.OrderAction == OrderAction.Buy ? 1 : -1));
            else if (_now.Exit != null && _now.Held != "" && !_luck.Stuck) Leave(_now.Exit, _luck.Slow ? 1 : _now.Exit.Quantity, bar.Open, bar.Opens);
            if (_now.Held != "") TestBracket(!resting);
            Action[] late = _late.ToArray();
            _late.Clear();
            foreach (Action each in late) each();
        }

        /// <summary>The data has ended: as at the end of a trade date.</summary>
        public void Finish()
        {
            if (_now.Any) Act(EndDate);
        }

        /// <summary>A person's market order, filled at the last close. It changes the account's position, not the strategy's brackets.</summary>
        public void Foreign(int qty) { Act(() => TradeByHand(qty)); }

        void TradeByHand(int qty)
        {
            int signed = _now.Side * _now.Qty + qty;
            OrderAction action = qty > 0 ? OrderAction.Buy : OrderAction.Sell;
            Order order = Placed(action, OrderType.Market, Math.Abs(qty), 0, "Manual", "");
            _now.Side = Math.Sign(signed);
            _now.Qty = Math.Abs(signed);
            if (_now.Price == 0) _now.Price = _now.Bar.Close;
            Execute(order, Math.Abs(qty), _now.Bar.Close, _now.Bar.Closes.AddSeconds(5), "Manual");
            if (_now.Qty == 0) _now.Held = "";
        }

        /// <summary>A person cancels stop and target.</summary>
        public void Strip()
        {
            Act(() =>
            {
                foreach (Bracket bracket in _now.Brackets)
                    foreach (Order order in new[] { bracket.Stop, bracket.Target })
                        if (order != null && order.OrderState == OrderState.Working) Tell(order, OrderState.Cancelled);
            });
        }

        void WorkLimit()
        {
            bool buys = _now.Entry.OrderAction == OrderAction.Buy;
            double limit = _now.Entry.LimitPrice;
            if (buys ? _now.Bar.Low <= limit : _now.Bar.High >= limit) Filled(buys ? Math.Min(_now.Bar.Open, limit) : Math.Max(_now.Bar.Open, limit));
        }

        void Filled(double price)
        {
            Order order = _now.Entry;
            int size = _luck.Slow ? 1 : order.Quantity - order.Filled;
            if (order.Filled + size == order.Quantity) _now.Entry = null;
            _now.Price = (_now.Price * _now.Qty + price * size) / (_now.Qty + size);
            _now.Held = order.Name;
            _opener = Strategy;
            _now.Side = order.OrderAction == OrderAction.Buy ? 1 : -1;
            int first = _luck.Partial && size > 1 ? 1 : size;
            Part(order, first, price);
            if (first < size) Part(order, size - first, price);
        }

        void Part(Order order, int qty, double price)
        {
            _now.Qty += qty;
            Execute(order, qty, price, _now.Bar.Opens, order.Name);
            OrderAction closing = _now.Side > 0 ? OrderAction.Sell : OrderAction.BuyToCover;
            var bracket = new Bracket { Qty = qty };
            if (_now.Stops.TryGetValue(order.Name, out double stop))
                bracket.Stop = Protect(OpenPosition.StopName, closing, OrderType.StopMarket, qty, FromFill(_now.TickStops, order, price, -stop, stop));
            if (_now.Targets.TryGetValue(order.Name, out double target))
                bracket.Target = Protect(OpenPosition.TargetName, closing, OrderType.Limit, qty, FromFill(_now.TickTargets, order, price, target, target));
            _now.Brackets.Add(bracket);
        }

        /// <summary>The price of a bracket order: `ticks` beyond the fill, in the direction of the trade, or else what was set.</summary>
        double FromFill(HashSet<string> inTicks, Order order, double fill, double ticks, double price)
        {
            return inTicks.Contains(order.Name) ? Math.Round(fill + _now.Side * ticks * _terms.Tick, 10) : price;
        }

        Order Protect(string name, OrderAction action, OrderType type, int qty, double price)
        {
            Order order = Placed(action, type, qty, type == OrderType.Limit ? price : 0, name, _now.Held);
            order.StopPrice = type == OrderType.StopMarket ? price : 0;
            if (_luck.RejectStops && type == OrderType.StopMarket)
            {
                Tell(order, OrderState.Rejected, ErrorCode.OrderRejected, "simulated rejection of a stop");
                return order;
            }
            Tell(order, OrderState.Accepted);
            Tell(order, OrderState.Working);
            return order;
        }

        /// <summary>The first that applies: open beyond the stop, open beyond the target, stop touched, target touched.</summary>
        void TestBracket(bool targetCounts)
        {
            double? stop = Stop(), target = targetCounts ? Target() : null;
            double adverse = _now.Side > 0 ? _now.Bar.Low : _now.Bar.High, favourable = _now.Side > 0 ? _now.Bar.High : _now.Bar.Low;
            if (stop != null && (_now.Bar.Open - stop) * _now.Side <= 0) LeaveBracket(true, _now.Bar.Open);
            else if (target != null && (_now.Bar.Open - target) * _now.Side >= 0) LeaveBracket(false, _now.Bar.Open);
            else if (stop != null && (adverse - stop) * _now.Side <= 0) LeaveBracket(true, (double)stop);
            else if (target != null && (favourable - target) * _now.Side >= 0) LeaveBracket(false, (double)target);
        }

        /// <summary>The open profit at the last close, in dollars.</summary>
        double Open() { return _now.Qty == 0 ? 0 : (_now.Bar.Close - _now.Price) * _now.Qty * _now.Side * _terms.PointValue; }

        double? Stop() { return Resting(bracket => bracket.Stop, order => order.StopPrice); }

        double? Target() { return Resting(bracket => bracket.Target, order => order.LimitPrice); }

        static string Text(double? price) { return price == null ? "-" : ((double)price).ToString(CultureInfo.InvariantCulture); }

        double? Resting(Func<Bracket, Order> which, Func<Order, double> price)
        {
            foreach (Bracket bracket in _now.Brackets)
            {
                Order order = which(bracket);
                if (order != null && order.OrderState == OrderState.Working) return price(order);
            }
            return null;
        }

        void LeaveBracket(bool stopped, double at)
        {
            double price = Slipped(at, -_now.Side);
            foreach (Bracket bracket in _now.Brackets.ToArray())
            {
                Order order = stopped ? bracket.Stop : bracket.Target;
                if (order == null || order.OrderState != OrderState.Working) continue;
                Close(order, Math.Min(bracket.Qty, _now.Qty), price, _now.Bar.Opens.AddSeconds(1));
            }
            if (_now.Qty == 0) Flat();
        }

        void Leave(Order order, int qty, double at, DateTime time)
        {
            Close(order, qty, Slipped(at, -_now.Side), time);
            if (_now.Qty == 0) Flat();
        }

        /// <summary>A working entry is cancelled; an open position is closed at the last close, half a minute before the end.</summary>
        void EndDate()
        {
            Order entry = _now.Entry;
            _now.Entry = null;
            if (entry != null) Tell(entry, OrderState.Cancelled, ErrorCode.NoError, "the trade date ended before it could fill");
            if (_now.Held == "") return;
            Order order = Placed(_now.Side > 0 ? OrderAction.Sell : OrderAction.BuyToCover, OrderType.Market, _now.Qty, 0, Book.SessionEndName, _now.Held);
            Leave(order, order.Quantity, _now.Bar.Close, _now.Bar.Closes.AddSeconds(-30));
        }

        void Close(Order order, int qty, double price, DateTime time)
        {
            _now.RealisedCents += (long)Math.Round((price - _now.Price) / _terms.Tick) * qty * _now.Side * (long)Math.Round(_terms.Tick * _terms.PointValue * 100);
            _now.RealisedCents -= 2 * qty * (long)Math.Round(_terms.Commission * 100);
            _now.Qty -= qty;
            Execute(order, qty, price, time, order.FromEntrySignal == "" || order == _now.Exit ? order.Name : _now.Held);
        }

        void Flat()
        {
            _now.Held = "";
            _now.Side = 0;
            foreach (Bracket bracket in _now.Brackets)
                foreach (Order order in new[] { bracket.Stop, bracket.Target })
                    if (order != null && order.OrderState == OrderState.Working) Tell(order, OrderState.Cancelled);
            _now.Brackets.Clear();
            Order exit = _now.Exit;
            _now.Exit = null;
            if (exit != null && exit.OrderState != OrderState.Filled) Tell(exit, OrderState.Cancelled);
        }

        double Slipped(double at, int side) { return Math.Round(at + side * _terms.SlippageTicks * _terms.Tick, 10); }

        // --- reports --------------------------------------------------------------------------------------------------------------------

        void Execute(Order order, int qty, double price, DateTime time, string idOf)
        {
            order.AverageFillPrice = (order.AverageFillPrice * order.Filled + price * qty) / (order.Filled + qty);
            order.Filled += qty;
            Tell(order, order.Filled < order.Quantity ? OrderState.PartFilled : OrderState.Filled);
            string stem = _instrument.MasterInstrument.Name + "-" + idOf + "-E";
            _now.Numbers.TryGetValue(stem, out int number);
            _now.Numbers[stem] = ++number;
            bool bought = order.OrderAction == OrderAction.Buy || order.OrderAction == OrderAction.BuyToCover;
            var execution = new Execution
            {
                Account = _account, Instrument = _instrument, Order = order, ExecutionId = stem + number, Name = order.Name, Price = price, Quantity = qty,
                MarketPosition = bought ? MarketPosition.Long : MarketPosition.Short, Time = time,
            };
            _account.Executions.Add(execution);
            Stand();
            _reports.Enqueue(() =>
            {
                if (Strategy != null) Strategy.Tell(execution);
                _account.Tell(new ExecutionEventArgs { Execution = execution });
                if (Strategy != null) Strategy.Tell(Position);
            });
        }

        void Tell(Order order, OrderState state, ErrorCode error = ErrorCode.NoError, string comment = "")
        {
            order.OrderState = state;
            _reports.Enqueue(() =>
            {
                if (Strategy != null) Strategy.Tell(order, state, error, comment);
                _account.Tell(new OrderEventArgs { Order = order, OrderState = state, Error = error, Comment = comment });
            });
        }
    }
}
