// The strategy on a chart: it sends closed bars with the account's position, carries out the gate's orders, and reports orders and fills.
// It decides nothing.

#region Using declarations
using System;
using System.Collections.Generic;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.IO;
using NinjaTrader.Cbi;
using NinjaTrader.Core;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.DrawingTools;
#endregion

namespace NinjaTrader.NinjaScript.Strategies
{
    /// <summary>
    /// Connects NinjaTrader with the transport, the book and the bar feed of one chart.
    ///
    /// Threads: NinjaTrader calls OnBarUpdate, OnOrderUpdate and OnExecutionUpdate on threads of its own, sometimes inside a call of ours. The
    /// transport calls ITrader and IParticipant on its poller's thread. Every call that changes the book is made under _lock, which is held briefly;
    /// no lock is held while NinjaTrader is called. Actions of the book run in OnBarUpdate or in a custom event (TriggerCustomEvent), at once
    /// or later.
    /// </summary>
    public class TapewireBridge : Strategy, Tapewire.ITrader, Tapewire.IDesk
    {
        readonly object _lock = new object();
        readonly Dictionary<string, Order> _orders = new Dictionary<string, Order>();
        Tapewire.Transport _transport;
        Tapewire.BarFeed _feed;
        Tapewire.Book _book;
        Tapewire.TickFeed _ticks; // null: the chart sends no trades
        List<Action<Tapewire.Book>> _early = new List<Action<Tapewire.Book>>(); // reports before the book has recovered; null after
        string _instrument = "", _contract = "", _account = "", _halted = "", _phase = "historical", _told = "", _refused = "";
        string[] _cross = new string[0];
        Tapewire.VenueChart _hours = new Tapewire.VenueChart();
        volatile bool _live;
        bool _connected = true;
        long _lastLightsMs;

        #region Settings
        [NinjaScriptProperty]
        [Display(Name = "Host", Order = 1, GroupName = "tapewire", Description = "IP address of the daemons; a name is resolved once only")]
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
        [Display(Name = "Hold, ms", Order = 7, GroupName = "tapewire", Description = "How long a bar waits until the gate has acknowledged earlier fills")]
        public int HoldMs { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Folder", Order = 8, GroupName = "tapewire", Description = "Folder of bridge.txt and tapewire.key; empty: tapewire under NinjaTrader's user folder")]
        public string Folder { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Ticks", Order = 9, GroupName = "tapewire", Description = "Send last trades with bid and ask, too")]
        public bool WithTicks { get; set; }

        [NinjaScriptProperty]
        [Range(0, 1000)]
        [Display(Name = "Tick window, ms", Order = 10, GroupName = "tapewire", Description = "Trades of so long are sent as one, with their volume summed; 0: each trade")]
        public int TickWindowMs { get; set; }
        #endregion

        // --- states -------------------------------------------------------------------------------------------------------------

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

        /// <summary>Also runs for the copies that NinjaTrader makes for its dialogs: opens nothing.</summary>
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
            TimeInForce = TimeInForce.Gtc; // a stop that expired with the day would leave the position unprotected
            StartBehavior = StartBehavior.ImmediatelySubmit; // the book compares itself with the account; NinjaTrader must not close what is open
            RealtimeErrorHandling = RealtimeErrorHandling.StopCancelCloseIgnoreRejects; // the gate gets REJECTED; the strategy goes on
            DaemonHost = "127.0.0.1";
            BasePort = 5550;
            Symbol = "";
            WithCross = true;
            LargestOrder = 30;
            GraceMs = 250;
            HoldMs = 250;
            Folder = "";
            WithTicks = false;
            TickWindowMs = 100;
        }

        /// <summary>Literals only, as NinjaTrader requires: it reads these calls to load the series before the script runs.</summary>
        void AddCross()
        {
            AddVolumetric("ES ##-##", BarsPeriodType.Minute, 1, VolumetricDeltaType.BidAsk, 1);
            AddVolumetric("YM ##-##", BarsPeriodType.Minute, 1, VolumetricDeltaType.BidAsk, 1);
            _cross = new[] { "ES", "YM" };
        }

        void Load()
        {
            _refused = Tapewire.BarFeed.Refusal(BarsArray[0].BarsPeriod);
            if (_refused != "")
            {
                Log("tapewire: " + _refused, LogLevel.Error);
                return;
            }
            _instrument = Symbol == "" ? Instrument.MasterInstrument.Name : Symbol;
            _contract = Instrument.FullName == Instrument.MasterInstrument.Name ? "" : Instrument.FullName; // only a future has a month
            _account = Account.Name;
            var settings = new Tapewire.TransportSettings
            {
                Host = DaemonHost,
                BasePort = BasePort,
                Folder = Folder == "" ? Path.Combine(Globals.UserDataDir, "tapewire") : Folder,
            };
            TimeZoneInfo zone = Globals.GeneralOptions.TimeZoneInfo;
            Tapewire.Transport transport = Tapewire.Transport.Open(settings, this);
            _feed = new Tapewire.BarFeed(_instrument, _cross, zone, GraceMs, bar => transport.Publish(this, bar, HoldMs));
            if (WithTicks)
            {
                _feed.Ticks = _ticks = new Tapewire.TickFeed(_instrument, TickWindowMs, transport.Publish);
                transport.BeginTicks();
            }
            _book = new Tapewire.Book(
                _instrument, _account, transport.Memory, closeNs => _feed.IndexOf(BarsArray[0], closeNs),
                (body, eventNs, cause, acknowledged) => transport.Deliver(_instrument, body, eventNs, cause, acknowledged), transport.Raise);
            _transport = transport; // last: Tick begins with it. Feed and book keep the transport, which ignores what comes after the end
        }

        /// <summary>Takes over the account as the earlier run left it, then accepts commands.</summary>
        void GoLive()
        {
            if (_transport == null) return;
            _feed.End();
            Account.OrderUpdate += OnAccountOrder; // before the account is read, so that no report is missed between the two
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
            OnBook(book =>
            {
                book.Recover(qty, orders, fills);
                foreach (Action<Tapewire.Book> report in _early) report(book);
                _early = null;
            });
            _hours = TradingHours();
            _live = true;
            _transport.SendHello();
        }

        /// <summary>
        /// The chart's template and its trade dates: that of the last bar and the next ten. Empty if NinjaTrader does not tell: then the daemons have
        /// nothing to compare their calendar with, and say so.
        /// </summary>
        Tapewire.VenueChart TradingHours()
        {
            var hours = new Tapewire.VenueChart();
            try
            {
                Bars bars = BarsArray[0];
                if (CurrentBars[0] < 0 || bars.TradingHours == null) return hours;
                hours.Template = bars.TradingHours.Name;
                var iterator = new SessionIterator(bars);
                DateTime at = bars.GetTime(CurrentBars[0]);
                while (iterator.GetNextSession(at, true) && iterator.ActualSessionEnd >= at)
                {
                    string date = iterator.ActualTradingDayExchange.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
                    var day = new Tapewire.TradingDay { Date = date, OpensNs = _feed.ToNs(iterator.ActualSessionBegin), ClosesNs = _feed.ToNs(iterator.ActualSessionEnd) };
                    int last = hours.Days.Count - 1;
                    if (last >= 0 && hours.Days[last].Date == date)
                    {
                        day.OpensNs = hours.Days[last].OpensNs; // a further session of the same trade date
                        hours.Days[last] = day;
                    }
                    else if (hours.Days.Count > 10) break;
                    else hours.Days.Add(day);
                    at = iterator.ActualSessionEnd.AddSeconds(1);
                }
            }
            catch (Exception error)
            {
                Log("tapewire: the chart's trading hours cannot be read: " + error.Message, LogLevel.Warning);
                hours.Days.Clear();
            }
            return hours;
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

        /// <summary>No exception may leave a method that NinjaTrader or the poller calls. It stops entries, and an alarm tells why.</summary>
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
            if (_refused != "") Draw.TextFixed(this, "tapewire", _refused, TextPosition.BottomLeft);
            Tapewire.Transport transport = _transport;
            if (transport == null) return;
            int index = CurrentBars[BarsInProgress];
            if (BarsInProgress > 0)
            {
                _feed.OnCross(BarsInProgress - 1, BarsArray[BarsInProgress], index);
                return;
            }
            long closeNs = _feed.ToNs(BarsArray[0].GetTime(index));
            if (_live) OnBook(book => book.OnBar(closeNs));
            _feed.OnPrimary(BarsArray[0], index, _live ? _phase : "historical", _live ? AccountPosition() : null, transport.NowMs);
        }

        Tapewire.PositionReport AccountPosition()
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

        /// <summary>NinjaTrader calls it for each series, and for quotes as well.</summary>
        protected override void OnMarketData(MarketDataEventArgs marketDataUpdate)
        {
            Tapewire.TickFeed ticks = _ticks;
            Tapewire.Transport transport = _transport;
            if (ticks == null || transport == null || !_live || BarsInProgress != 0 || marketDataUpdate.MarketDataType != MarketDataType.Last) return;
            MarketDataEventArgs trade = marketDataUpdate;
            Guard(() => ticks.OnTrade(_feed.ToNs(trade.Time), trade.Price, trade.Volume, trade.Bid, trade.Ask, transport.NowMs));
        }

        // --- commands (the poller's thread) ---------------------------------------------------------------------------------------

        string Tapewire.ITrader.Instrument { get { return _instrument; } }

        Tapewire.VenueChart Tapewire.ITrader.Described
        {
            get
            {
                Tapewire.VenueChart hours = _hours; // written once, before the first hello
                return new Tapewire.VenueChart { Instrument = _instrument, Contract = _contract, Template = hours.Template, Days = hours.Days };
            }
        }

        long Tapewire.ITrader.LastNs { get { return _feed.LastNs; } }

        List<Tapewire.AccountFigures> Tapewire.ITrader.Accounts()
        {
            var accounts = new List<Tapewire.AccountFigures>();
            lock (Account.All)
                foreach (Account each in Account.All) accounts.Add(Figures(each));
            accounts.Sort((one, other) => string.CompareOrdinal(one.Name, other.Name));
            return accounts;
        }

        static Tapewire.AccountFigures Figures(Account account)
        {
            Connection connection = account.Connection;
            string provider = Told(account, "Provider"), status = Told(account, "AccountStatus");
            return new Tapewire.AccountFigures
            {
                Name = account.Name,
                Connection = connection == null ? "" : connection.Options.Name,
                Simulated = provider == "Simulator" || provider == "Playback" || account.Name.StartsWith("Sim", StringComparison.Ordinal)
                    || account.Name.StartsWith("Playback", StringComparison.Ordinal),
                Trades = connection != null && connection.Status == ConnectionStatus.Connected && (status == "" || status == "Enabled"),
                Cash = Dollars(account, AccountItem.CashValue),
                Realised = Dollars(account, AccountItem.RealizedProfitLoss),
                Unrealised = Dollars(account, AccountItem.UnrealizedProfitLoss),
            };
        }

        static double? Dollars(Account account, AccountItem item)
        {
            double value = account.Get(item, Currency.UsDollar);
            return double.IsNaN(value) || Math.Abs(value) > Tapewire.Bounds.MaxDollars ? (double?)null : value;
        }

        /// <summary>A property of NinjaTrader's that its documentation does not promise, as text; empty if this version has none.</summary>
        static string Told(object of, string property)
        {
            System.Reflection.PropertyInfo found = of.GetType().GetProperty(property);
            object value = found == null ? null : found.GetValue(of, null);
            return value == null ? "" : value.ToString();
        }

        bool Tapewire.ITrader.Trades { get { return _live; } }

        string Tapewire.ITrader.Stopped { get { return Stopped(); } }

        void Tapewire.ITrader.Command(Tapewire.Message message, bool repeat)
        {
            if (repeat)
            {
                OnBook(book => book.Repeat(message));
                return;
            }
            string id = ((Tapewire.Command)message.Body).Id;
            if (!Later(() => Execute(message)))
                OnBook(book => book.Refuse(message, id, "HALTED: NinjaTrader runs no custom events now"));
        }

        /// <summary>Does nothing once the strategy has ended: the next one finds a command that was taken and has no order.</summary>
        void Execute(Tapewire.Message message)
        {
            Tapewire.Transport transport = _transport;
            if (transport != null) OnBook(book => book.Execute(message, Context(transport), transport.NowMs));
        }

        void Tapewire.ITrader.Unreadable(Tapewire.Message message, string id, string why) { OnBook(book => book.Refuse(message, id, why)); }

        Tapewire.VenuePosition Tapewire.ITrader.Snapshot(List<string> working, out string account, out long atNs)
        {
            account = _account;
            atNs = _feed.LastNs;
            lock (_lock) working.AddRange(_book.Working());
            return new Tapewire.VenuePosition { Instrument = _instrument, Position = AccountPosition() };
        }

        void Tapewire.IParticipant.Tick()
        {
            Tapewire.Transport transport = _transport;
            if (transport == null) return;
            _feed.Tick(transport.NowMs);
            if (_ticks != null) _ticks.Tick(transport.NowMs);
            bool flat = AccountQty() == 0 && Position.MarketPosition == MarketPosition.Flat && !transport.Killed && Halted() == "";
            OnBook(book => book.Tick(transport.NowMs, transport.LeaseAgeMs, flat));
            TellTrouble(transport.Trouble);
            if (transport.NowMs - _lastLightsMs < 1000) return;
            _lastLightsMs = transport.NowMs;
            if (_live) Later(ShowLights);
        }

        /// <summary>Writes once into NinjaTrader's log why there is no connection.</summary>
        void TellTrouble(string trouble)
        {
            if (trouble != "" && trouble != _told) Log("tapewire: " + trouble, LogLevel.Error);
            _told = trouble;
        }

        // --- the chart's bars on request ------------------------------------------------------------------------------------------

        string Tapewire.IParticipant.Chart { get { return _feed == null ? "" : _feed.Chart(BarsArray[0]); } }

        long Tapewire.IParticipant.ChartLength { get { return _feed == null ? 0 : _feed.LastIndex + 1; } }

        void Tapewire.IParticipant.ReadChart(long start, int count, Action<List<Tapewire.Bar>> give)
        {
            Later(() => give(_feed.ReadAll(BarsArray[0], start, count)));
        }

        Tapewire.OrderContext Context(Tapewire.Transport transport)
        {
            return new Tapewire.OrderContext
            {
                Qty = AccountQty(),
                Contract = _contract,
                Tick = Instrument.MasterInstrument.TickSize,
                MaxQty = LargestOrder,
                LastClose = _feed.LastClose,
                LastNs = _feed.LastNs,
                Phase = _live ? _phase : "historical",
                LeaseAgeMs = transport.LeaseAgeMs,
                Killed = transport.Killed,
                Halted = Halted(),
            };
        }

        string Halted()
        {
            if (_halted != "") return _halted;
            if (!_connected) return "NinjaTrader has lost its connection";
            Tapewire.Transport transport = _transport;
            return transport == null ? "the strategy has ended" : transport.FaultText;
        }

        string Stopped()
        {
            string halted = Halted();
            return halted != "" ? halted : _book.Halted;
        }

        /// <summary>Calls the book under the lock, then runs its actions without the lock.</summary>
        void OnBook(Action<Tapewire.Book> call)
        {
            List<Action<Tapewire.IDesk>> todo;
            lock (_lock)
            {
                call(_book);
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

        /// <summary>Runs in an event of NinjaTrader's: in the current one, or in a new custom event. False if NinjaTrader refuses a new one.</summary>
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

        // --- the book's actions -------------------------------------------------------------------------------------------------------

        void Tapewire.IDesk.Enter(Tapewire.PlaceOrder order)
        {
            int qty = (int)order.Qty;
            if (order.StopPoints == null) SetStopLoss(order.Id, CalculationMode.Price, order.Stop, false);
            else SetStopLoss(order.Id, CalculationMode.Ticks, Ticks((double)order.StopPoints), false);
            if (order.TargetPoints != null) SetProfitTarget(order.Id, CalculationMode.Ticks, Ticks((double)order.TargetPoints));
            else if (order.Target != null) SetProfitTarget(order.Id, CalculationMode.Price, (double)order.Target);
            if (order.Limit == null && order.Direction > 0) EnterLong(qty, order.Id);
            else if (order.Limit == null) EnterShort(qty, order.Id);
            else if (order.Direction > 0) EnterLongLimit(0, true, qty, (double)order.Limit, order.Id);
            else EnterShortLimit(0, true, qty, (double)order.Limit, order.Id);
        }

        /// <summary>A distance for CalculationMode.Ticks, by which NinjaTrader itself counts from the price of the fill.</summary>
        double Ticks(double points) { return Math.Round(points / Instrument.MasterInstrument.TickSize); }

        void Tapewire.IDesk.Exit(string id, string entryId, long qty)
        {
            int size = (int)Math.Abs(qty);
            if (entryId == "") Submit(id, qty > 0 ? OrderAction.Sell : OrderAction.BuyToCover, size);
            else if (qty > 0) ExitLong(size, id, entryId);
            else ExitShort(size, id, entryId);
        }

        /// <summary>Bypasses the managed approach, which closes only positions that this run of the strategy has opened.</summary>
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
                if (order.Name == Tapewire.OpenPosition.StopName && stop != null) order.StopPriceChanged = (double)stop;
                else if (order.Name == Tapewire.OpenPosition.TargetName && target != null) order.LimitPriceChanged = (double)target;
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
            if (Stage(order.OrderState) == Tapewire.OrderStage.Working || Stage(order.OrderState) == Tapewire.OrderStage.Pending) CancelOrder(order);
        }

        void Tapewire.IDesk.CancelBracket(string entryId)
        {
            List<Order> bracket = Bracket();
            if (bracket.Count > 0) Account.Cancel(bracket);
        }

        /// <summary>The stops and targets that rest in this instrument. There is one position, so they belong to it.</summary>
        List<Order> Bracket()
        {
            var bracket = new List<Order>();
            lock (Account.Orders)
                foreach (Order order in Account.Orders)
                {
                    bool rests = Stage(order.OrderState) == Tapewire.OrderStage.Working;
                    if (rests && Tapewire.OpenPosition.IsBracket(order.Name) && IsOurs(order.Instrument)) bracket.Add(order);
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

        /// <summary>All orders in the account, also those of a person or of another strategy.</summary>
        void OnAccountOrder(object sender, OrderEventArgs e) { Guard(() => Ordered(e.Order, e.OrderState, e.Error, e.Comment)); }

        void OnAccountExecution(object sender, ExecutionEventArgs e) { Guard(() => Executed(e.Execution)); }

        protected override void OnConnectionStatusUpdate(ConnectionStatusEventArgs connectionStatusUpdate)
        {
            Guard(() =>
            {
                _connected = connectionStatusUpdate.Status == ConnectionStatus.Connected;
                if (!_connected && _ticks != null) _ticks.Interrupt();
                Tapewire.Transport transport = _transport;
                if (_connected && _live && transport != null) transport.SendHello();
            });
        }

        void Ordered(Order order, OrderState state, ErrorCode error, string comment)
        {
            if (_book == null || !IsOurs(order.Instrument)) return;
            lock (_orders) _orders[order.Name] = order;
            string detail = error == ErrorCode.NoError ? comment ?? "" : error + (string.IsNullOrEmpty(comment) ? "" : ": " + comment);
            Tapewire.OrderReport report = Report(order, state, detail);
            PassOn(book => book.OnOrder(report));
        }

        void Executed(Execution execution)
        {
            if (_book == null || !IsOurs(execution.Instrument)) return;
            Tapewire.FillReport report = Report(execution);
            PassOn(book => book.OnFill(report));
        }

        /// <summary>Passes a report to the book, now or once the book has recovered.</summary>
        void PassOn(Action<Tapewire.Book> report)
        {
            lock (_lock)
                if (_early != null)
                {
                    _early.Add(report);
                    return;
                }
            OnBook(report);
        }

        bool IsOurs(Instrument instrument) { return instrument != null && Instrument != null && instrument.FullName == Instrument.FullName; }

        static Tapewire.OrderReport Report(Order order, OrderState state, string detail)
        {
            return new Tapewire.OrderReport
            {
                Key = order.OrderId ?? "",
                Name = order.Name ?? "",
                FromEntry = order.FromEntrySignal ?? "",
                Stage = Stage(state),
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

        static Tapewire.OrderStage Stage(OrderState state)
        {
            switch (state)
            {
                case OrderState.Accepted:
                case OrderState.Working:
                case OrderState.PartFilled:
                case OrderState.TriggerPending:
                    return Tapewire.OrderStage.Working;
                case OrderState.Filled:
                    return Tapewire.OrderStage.Filled;
                case OrderState.Cancelled:
                    return Tapewire.OrderStage.Cancelled;
                case OrderState.Rejected:
                    return Tapewire.OrderStage.Rejected;
                default:
                    return Tapewire.OrderStage.Pending;
            }
        }

        /// <summary>True if a command has been carried out or refused. For tests.</summary>
        public bool Has(string id)
        {
            lock (_lock) return _book.Has(id);
        }

        public Tapewire.Transport Transport { get { return _transport; } }

        // --- the lights ----------------------------------------------------------------------------------------------------------------

        /// <summary>Shows five lights in the chart's corner, as words: in capitals if all is well. Below them, why there is no connection.</summary>
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
                Light("bus", transport.BrokerListens && transport.Trouble == ""),
                Light("gate", age >= 0 && age <= Tapewire.Checks.LeaseMs && !transport.Killed),
                Light("account", _connected && _halted == "" && transport.FaultText == ""),
                Light("bars", _feed.LastIndex >= 0),
                Light("flow", _feed.Flow),
            };
            string why = Stopped() != "" ? "  entries stopped: " + Stopped() : "";
            if (age > Tapewire.Checks.LeaseMs) why += "  no lease for " + age / 1000 + " s: entries are cancelled and refused, stops and targets stay";
            Tapewire.Counters counters = transport.Counters;
            return string.Join(" ", lights) + "  bars " + counters.Bars + " orders " + _book.Entries + " fills " + _book.Fills + " refused " + _book.Refusals
                + " " + counters + (_ticks == null ? "" : " " + transport.Ticks) + why + (transport.Trouble == "" ? "" : "\n" + transport.Trouble);
        }

        static string Light(string name, bool on) { return on ? name.ToUpperInvariant() : name; }
    }
}
