// The strategy that ties one chart to tapewire: it sends closed bars with the account's position, carries out the gate's orders, and
// reports what became of them. It decides nothing.
//
// Who calls, and on which thread: NinjaTrader calls OnBarUpdate, OnOrderUpdate and OnExecutionUpdate on threads of its own, sometimes in the
// middle of a call of ours; the transport calls from its poller. Book and feed take any order of calls under short locks, and no lock is
// held while NinjaTrader is called. What the gate wants is done through TriggerCustomEvent, whether that runs at once or later.

#region Using declarations
using System;
using System.Collections.Generic;
using System.ComponentModel.DataAnnotations;
using System.IO;
using NinjaTrader.Cbi;
using NinjaTrader.Core;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.DrawingTools;
#endregion

namespace NinjaTrader.NinjaScript.Strategies
{
    public class TapewireBridge : Strategy, Tapewire.ITrader, Tapewire.IDesk
    {
        readonly object _lock = new object();
        readonly Dictionary<string, Order> _orders = new Dictionary<string, Order>();
        Tapewire.Transport _transport;
        Tapewire.BarFeed _feed;
        Tapewire.Book _book;
        List<Action<Tapewire.Book>> _early = new List<Action<Tapewire.Book>>(); // reports for a book that is not ready; null once it is
        string _instrument = "", _account = "", _halted = "", _phase = "historical";
        string[] _cross = new string[0];
        volatile bool _live;
        bool _connected = true;
        long _lastLightsMs;

        #region Settings
        [NinjaScriptProperty]
        [Display(Name = "Host", Order = 1, GroupName = "tapewire", Description = "Where the daemons listen")]
        public string DaemonHost { get; set; }

        [NinjaScriptProperty]
        [Range(1024, 65000)]
        [Display(Name = "Base port", Order = 2, GroupName = "tapewire", Description = "bus.base_port of the daemons' configuration")]
        public int BasePort { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Symbol", Order = 3, GroupName = "tapewire", Description = "Name on the wire; empty: the instrument's own, such as MNQ")]
        public string Symbol { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Cross instruments", Order = 4, GroupName = "tapewire", Description = "Send ES and YM beside the chart's own bars")]
        public bool WithCross { get; set; }

        [NinjaScriptProperty]
        [Range(1, 1000)]
        [Display(Name = "Largest order", Order = 5, GroupName = "tapewire", Description = "Contracts; a larger order is refused here, whatever the gate says")]
        public int LargestOrder { get; set; }

        [NinjaScriptProperty]
        [Range(0, 10000)]
        [Display(Name = "Cross grace, ms", Order = 6, GroupName = "tapewire", Description = "How long a bar waits for the cross instruments")]
        public int GraceMs { get; set; }

        [NinjaScriptProperty]
        [Range(0, 60000)]
        [Display(Name = "Hold, ms", Order = 7, GroupName = "tapewire", Description = "How long a bar waits for the gate to own the fills before it")]
        public int HoldMs { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Folder", Order = 8, GroupName = "tapewire", Description = "Where the bridge remembers; empty: tapewire under NinjaTrader's user folder")]
        public string Folder { get; set; }
        #endregion

        // --- life ---------------------------------------------------------------------------------------------------------------

        protected override void OnStateChange()
        {
            switch (State)
            {
                case State.SetDefaults:
                    Defaults();
                    break;
                case State.Configure:
                    if (WithCross) AddCross();
                    break;
                case State.DataLoaded:
                    Guard(Load);
                    break;
                case State.Realtime:
                    Guard(GoLive);
                    break;
                case State.Terminated:
                    Guard(Unload);
                    break;
            }
        }

        /// <summary>Runs for every copy that NinjaTrader makes for its dialogs, too: nothing is opened here.</summary>
        void Defaults()
        {
            Name = "TapewireBridge";
            Description = "Sends bars to tapewire and carries out its orders";
            Calculate = Calculate.OnBarClose;
            IsSuspendedWhileInactive = false;
            EntriesPerDirection = 1;
            EntryHandling = EntryHandling.AllEntries;
            StopTargetHandling = StopTargetHandling.PerEntryExecution; // each part of an entry is protected as soon as it has filled
            IsExitOnSessionCloseStrategy = true;
            ExitOnSessionCloseSeconds = 30;
            TimeInForce = TimeInForce.Gtc; // a stop that expired with the day would leave the position bare
            StartBehavior = StartBehavior.ImmediatelySubmit; // what stands in the account is ours to compare, not NinjaTrader's to trade away
            RealtimeErrorHandling = RealtimeErrorHandling.StopCancelCloseIgnoreRejects; // a refused entry is an answer, not an error
            DaemonHost = "127.0.0.1";
            BasePort = 5550;
            Symbol = "";
            WithCross = true;
            LargestOrder = 30;
            GraceMs = 250;
            HoldMs = 250;
            Folder = "";
        }

        /// <summary>Literals only: NinjaTrader loads the series before it knows anything else about the script.</summary>
        void AddCross()
        {
            AddVolumetric("ES ##-##", BarsPeriodType.Minute, 1, VolumetricDeltaType.BidAsk, 1);
            AddVolumetric("YM ##-##", BarsPeriodType.Minute, 1, VolumetricDeltaType.BidAsk, 1);
            _cross = new[] { "ES", "YM" };
        }

        void Load()
        {
            _instrument = Symbol == "" ? Instrument.MasterInstrument.Name : Symbol;
            _account = Account.Name;
            _feed = new Tapewire.BarFeed(_instrument, _cross, Globals.GeneralOptions.TimeZoneInfo, GraceMs, bar => _transport.Publish(this, bar, HoldMs));
            var settings = new Tapewire.TransportSettings
            {
                Host = DaemonHost,
                BasePort = BasePort,
                Folder = Folder == "" ? Path.Combine(Globals.UserDataDir, "tapewire") : Folder,
            };
            _transport = Tapewire.Transport.Open(settings, this);
            _book = new Tapewire.Book(
                _instrument, _account, _transport.Memory, closeNs => _feed.IndexOf(BarsArray[0], closeNs),
                (body, eventNs, cause, owned) => _transport.Deliver(_instrument, body, eventNs, cause, owned), _transport.Raise);
        }

        /// <summary>Takes up what an earlier life left in the account, then takes orders.</summary>
        void GoLive()
        {
            if (_transport == null) return;
            _feed.End();
            Account.OrderUpdate += OnAccountOrder; // first, so that nothing happens between looking and listening
            Account.ExecutionUpdate += OnAccountExecution;
            _phase = Connection.PlaybackConnection != null ? "playback" : "realtime";
            var orders = new List<Tapewire.OrderReport>();
            var fills = new List<Tapewire.FillReport>();
            lock (Account.Orders)
                foreach (Order order in Account.Orders)
                    if (IsOurs(order.Instrument))
                    {
                        lock (_orders) _orders[order.Name] = order;
                        orders.Add(Report(order, order.OrderState, ""));
                    }
            lock (Account.Executions)
                foreach (Execution execution in Account.Executions)
                    if (IsOurs(execution.Instrument)) fills.Add(Report(execution));
            long qty = AccountQty();
            With(book =>
            {
                book.Recover(qty, orders, fills);
                foreach (Action<Tapewire.Book> report in _early) report(book);
                _early = null;
            });
            _live = true;
            _transport.SendHello();
        }

        void Unload()
        {
            _live = false;
            if (_transport == null) return; // a copy that never loaded
            Account.OrderUpdate -= OnAccountOrder;
            Account.ExecutionUpdate -= OnAccountExecution;
            _feed.End();
            _transport.Close(this);
            _transport = null;
        }

        /// <summary>Nothing may leave a method that NinjaTrader or the poller calls. What goes wrong stops entries and is said.</summary>
        void Guard(Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                _halted = error.GetType().Name + ": " + error.Message;
                Print("tapewire: " + error);
                Tapewire.Transport transport = _transport;
                if (transport != null) transport.Raise("bridge_fault", _halted);
            }
        }

        // --- bars ---------------------------------------------------------------------------------------------------------------

        protected override void OnBarUpdate() { InEvent(Closed); }

        void Closed()
        {
            if (_transport == null) return;
            int index = CurrentBars[BarsInProgress];
            if (BarsInProgress > 0)
            {
                _feed.OnCross(BarsInProgress - 1, BarsArray[BarsInProgress], index);
                return;
            }
            long closeNs = _feed.ToNs(BarsArray[0].GetTime(index));
            if (_live) With(book => book.OnBar(closeNs));
            _feed.OnPrimary(BarsArray[0], index, _live ? _phase : "historical", _live ? Standing() : null, _transport.NowMs);
        }

        Tapewire.PositionReport Standing()
        {
            long qty = AccountQty();
            double realised = Account.Get(AccountItem.RealizedProfitLoss, Currency.UsDollar);
            lock (_lock) return _book.Position(qty, PositionAccount.AveragePrice, realised);
        }

        long AccountQty()
        {
            MarketPosition side = PositionAccount.MarketPosition;
            return side == MarketPosition.Flat ? 0 : side == MarketPosition.Long ? PositionAccount.Quantity : -PositionAccount.Quantity;
        }

        // --- commands (the poller's thread) ---------------------------------------------------------------------------------------

        string Tapewire.ITrader.Instrument { get { return _instrument; } }

        bool Tapewire.ITrader.Trades { get { return _live; } }

        string Tapewire.ITrader.Stopped { get { return Stopped(); } }

        void Tapewire.ITrader.Command(Tapewire.Message message, bool repeat)
        {
            if (repeat)
            {
                With(book => book.Repeat(message));
                return;
            }
            string id = ((Tapewire.Command)message.Body).Id;
            if (!Later(() => With(book => book.Execute(message, Market(), _transport.NowMs))))
                With(book => book.Refuse(message, id, "HALTED: NinjaTrader takes no events"));
        }

        void Tapewire.ITrader.Unreadable(Tapewire.Message message, string id, string why) { With(book => book.Refuse(message, id, why)); }

        Tapewire.VenuePosition Tapewire.ITrader.Snapshot(List<string> working, out string account, out long atNs)
        {
            account = _account;
            atNs = _feed.LastNs;
            lock (_lock) working.AddRange(_book.Working());
            return new Tapewire.VenuePosition { Instrument = _instrument, Position = Standing() };
        }

        void Tapewire.IParticipant.Tick()
        {
            Tapewire.Transport transport = _transport;
            if (transport == null) return;
            _feed.Tick(transport.NowMs);
            With(book => book.Tick(transport.NowMs));
            if (transport.NowMs - _lastLightsMs < 1000) return;
            _lastLightsMs = transport.NowMs;
            if (_live) Later(ShowLights);
        }

        // --- the chart's bars, for whoever asks ----------------------------------------------------------------------------------

        string Tapewire.IParticipant.Chart { get { return _feed == null ? "" : _feed.Chart(BarsArray[0]); } }

        long Tapewire.IParticipant.ChartLength { get { return _feed == null ? 0 : _feed.LastIndex + 1; } }

        void Tapewire.IParticipant.ReadChart(long start, int count, Action<List<Tapewire.Bar>> give)
        {
            Later(() => give(_feed.ReadAll(BarsArray[0], start, count)));
        }

        Tapewire.Market Market()
        {
            return new Tapewire.Market
            {
                Qty = AccountQty(),
                Tick = Instrument.MasterInstrument.TickSize,
                MaxQty = LargestOrder,
                LastClose = _feed.LastClose,
                LastNs = _feed.LastNs,
                Phase = _live ? _phase : "historical",
                LeaseAgeMs = _transport.LeaseAgeMs,
                Killed = _transport.Killed,
                Halted = Halted(),
            };
        }

        string Halted()
        {
            if (_halted != "") return _halted;
            if (!_connected) return "NinjaTrader has lost its connection";
            return _transport.FaultText;
        }

        string Stopped()
        {
            string halted = Halted();
            return halted != "" ? halted : _book.Halted;
        }

        /// <summary>Asks the book, then does what it wants done, with no lock held.</summary>
        void With(Action<Tapewire.Book> ask)
        {
            List<Action<Tapewire.IDesk>> todo;
            lock (_lock)
            {
                ask(_book);
                todo = _book.Todo();
            }
            if (todo.Count == 0) return;
            Later(() =>
            {
                foreach (Action<Tapewire.IDesk> each in todo) Guard(() => each(this));
                lock (_lock) _book.Confirm();
            });
        }

        [ThreadStatic] static int _inEvent;

        /// <summary>Runs in a custom event of NinjaTrader's: in the one we are in, or in a new one. False: it takes none.</summary>
        bool Later(Action action)
        {
            if (_inEvent > 0)
            {
                Guard(action);
                return true;
            }
            try
            {
                TriggerCustomEvent(state => InEvent(action), null);
                return true;
            }
            catch (Exception error)
            {
                Print("tapewire: " + error.Message);
                return false;
            }
        }

        void InEvent(Action action)
        {
            _inEvent++;
            try
            {
                Guard(action);
            }
            finally
            {
                _inEvent--;
            }
        }

        // --- what the book wants done ------------------------------------------------------------------------------------------------

        void Tapewire.IDesk.Enter(Tapewire.PlaceOrder order)
        {
            int qty = (int)order.Qty;
            SetStopLoss(order.Id, CalculationMode.Price, order.Stop, false);
            if (order.Target != null) SetProfitTarget(order.Id, CalculationMode.Price, (double)order.Target);
            if (order.Limit == null && order.Direction > 0) EnterLong(qty, order.Id);
            else if (order.Limit == null) EnterShort(qty, order.Id);
            else if (order.Direction > 0) EnterLongLimit(0, true, qty, (double)order.Limit, order.Id);
            else EnterShortLimit(0, true, qty, (double)order.Limit, order.Id);
        }

        void Tapewire.IDesk.Exit(string id, string entryId, long qty)
        {
            int size = (int)Math.Abs(qty);
            if (entryId == "") Submit(id, qty > 0 ? OrderAction.Sell : OrderAction.BuyToCover, size);
            else if (qty > 0) ExitLong(size, id, entryId);
            else ExitShort(size, id, entryId);
        }

        /// <summary>Past the managed approach, which knows only positions that this run of the strategy has opened.</summary>
        void Submit(string id, OrderAction action, int size)
        {
            Order order = Account.CreateOrder(
                Instrument, action, OrderType.Market, OrderEntry.Automated, TimeInForce.Gtc, size, 0, 0, "", id, Globals.MaxDate, null);
            Account.Submit(new[] { order });
        }

        void Tapewire.IDesk.Move(string entryId, double? stop, double? target, bool found)
        {
            if (!found)
            {
                if (stop != null) SetStopLoss(entryId, CalculationMode.Price, (double)stop, false);
                if (target != null) SetProfitTarget(entryId, CalculationMode.Price, (double)target);
                return;
            }
            var changed = new List<Order>();
            foreach (Order order in Bracket())
            {
                if (order.Name == Tapewire.Book.StopName && stop != null) order.StopPriceChanged = (double)stop;
                else if (order.Name == Tapewire.Book.TargetName && target != null) order.LimitPriceChanged = (double)target;
                else continue;
                changed.Add(order);
            }
            if (changed.Count > 0) Account.Change(changed);
        }

        void Tapewire.IDesk.Cancel(string orderName)
        {
            Order order;
            lock (_orders)
                if (!_orders.TryGetValue(orderName, out order)) return;
            if (Phase(order.OrderState) == Tapewire.OrderPhase.Working || Phase(order.OrderState) == Tapewire.OrderPhase.Pending) CancelOrder(order);
        }

        void Tapewire.IDesk.CancelBracket(string entryId)
        {
            List<Order> bracket = Bracket();
            if (bracket.Count > 0) Account.Cancel(bracket);
        }

        /// <summary>The stops and targets that rest in this instrument. There is one position, so they are its.</summary>
        List<Order> Bracket()
        {
            var bracket = new List<Order>();
            lock (Account.Orders)
                foreach (Order order in Account.Orders)
                {
                    bool ours = order.Name == Tapewire.Book.StopName || order.Name == Tapewire.Book.TargetName;
                    if (ours && IsOurs(order.Instrument) && Phase(order.OrderState) == Tapewire.OrderPhase.Working) bracket.Add(order);
                }
            return bracket;
        }

        // --- NinjaTrader's reports ---------------------------------------------------------------------------------------------------

        protected override void OnOrderUpdate(
            Order order, double limitPrice, double stopPrice, int quantity, int filled, double averageFillPrice, OrderState orderState, DateTime time,
            ErrorCode error, string comment)
        {
            Guard(() => Ordered(order, orderState, error, comment));
        }

        protected override void OnExecutionUpdate(
            Execution execution, string executionId, double price, int quantity, MarketPosition marketPosition, string orderId, DateTime time)
        {
            Guard(() => Executed(execution));
        }

        /// <summary>Everything in the account, also what a person or another strategy does there.</summary>
        void OnAccountOrder(object sender, OrderEventArgs e) { Guard(() => Ordered(e.Order, e.OrderState, e.Error, e.Comment)); }

        void OnAccountExecution(object sender, ExecutionEventArgs e) { Guard(() => Executed(e.Execution)); }

        protected override void OnConnectionStatusUpdate(ConnectionStatusEventArgs connectionStatusUpdate)
        {
            _connected = connectionStatusUpdate.Status == ConnectionStatus.Connected;
            Tapewire.Transport transport = _transport;
            if (_connected && _live && transport != null) transport.SendHello();
        }

        void Ordered(Order order, OrderState state, ErrorCode error, string comment)
        {
            if (_book == null || !IsOurs(order.Instrument)) return;
            lock (_orders) _orders[order.Name] = order;
            string detail = error == ErrorCode.NoError ? comment ?? "" : error + (string.IsNullOrEmpty(comment) ? "" : ": " + comment);
            Tapewire.OrderReport report = Report(order, state, detail);
            Hear(book => book.OnOrder(report));
        }

        void Executed(Execution execution)
        {
            if (_book == null || !IsOurs(execution.Instrument)) return;
            Tapewire.FillReport report = Report(execution);
            Hear(book => book.OnFill(report));
        }

        /// <summary>A report waits until the book has taken up what an earlier life left.</summary>
        void Hear(Action<Tapewire.Book> report)
        {
            lock (_lock)
                if (_early != null)
                {
                    _early.Add(report);
                    return;
                }
            With(report);
        }

        bool IsOurs(Instrument instrument) { return instrument != null && Instrument != null && instrument.FullName == Instrument.FullName; }

        static Tapewire.OrderReport Report(Order order, OrderState state, string detail)
        {
            return new Tapewire.OrderReport
            {
                Key = order.OrderId ?? "",
                Name = order.Name ?? "",
                FromEntry = order.FromEntrySignal ?? "",
                Phase = Phase(state),
                StopPrice = order.StopPrice,
                LimitPrice = order.LimitPrice,
                Detail = detail,
            };
        }

        Tapewire.FillReport Report(Execution execution)
        {
            Order order = execution.Order;
            bool bought = order == null
                ? execution.MarketPosition == MarketPosition.Long
                : order.OrderAction == OrderAction.Buy || order.OrderAction == OrderAction.BuyToCover;
            long atNs = _feed.ToNs(execution.Time);
            return new Tapewire.FillReport
            {
                Id = execution.ExecutionId,
                Name = order == null ? execution.Name ?? "" : order.Name ?? "",
                FromEntry = order == null ? "" : order.FromEntrySignal ?? "",
                Qty = bought ? execution.Quantity : -execution.Quantity,
                Price = execution.Price,
                AtNs = atNs,
                BarNs = Tapewire.BarFeed.BarOf(BarsArray[0], atNs),
            };
        }

        static Tapewire.OrderPhase Phase(OrderState state)
        {
            switch (state)
            {
                case OrderState.Accepted:
                case OrderState.Working:
                case OrderState.PartFilled:
                case OrderState.TriggerPending:
                    return Tapewire.OrderPhase.Working;
                case OrderState.Filled:
                    return Tapewire.OrderPhase.Filled;
                case OrderState.Cancelled:
                    return Tapewire.OrderPhase.Cancelled;
                case OrderState.Rejected:
                    return Tapewire.OrderPhase.Rejected;
                default:
                    return Tapewire.OrderPhase.Pending;
            }
        }

        /// <summary>Whether a command has been carried out or refused, for whoever drives a test.</summary>
        public bool Has(string id)
        {
            lock (_lock) return _book.Has(id);
        }

        public Tapewire.Transport Transport { get { return _transport; } }

        // --- lights --------------------------------------------------------------------------------------------------------------------

        /// <summary>Five words in the chart's corner: each is in capitals while it is well.</summary>
        void ShowLights()
        {
            Tapewire.Transport transport = _transport;
            if (transport != null) Draw.TextFixed(this, "tapewire", Lights(transport), TextPosition.BottomLeft);
        }

        public string Lights(Tapewire.Transport transport)
        {
            long age = transport.LeaseAgeMs;
            string[] lights =
            {
                Light("bus", transport.Joined),
                Light("gate", age >= 0 && age <= Tapewire.Checks.LeaseMs && !transport.Killed),
                Light("account", _connected && _halted == "" && transport.FaultText == ""),
                Light("bars", _feed.LastIndex >= 0),
                Light("flow", _feed.Flow),
            };
            string why = Stopped() != "" ? "  entries stopped: " + Stopped() : "";
            Tapewire.Counters counters = transport.Counters;
            return string.Join(" ", lights) + "  bars " + counters.Bars + " orders " + _book.Entries + " fills " + _book.Fills + " refused " + _book.Refusals + why;
        }

        static string Light(string name, bool well) { return well ? name.ToUpperInvariant() : name; }
    }
}
