// A NinjaTrader 8 strategy that trades the signal files of files.py, or of a publisher with `[publisher] signal_files`. It needs nothing else of
// tapewire: copy this file into Documents\NinjaTrader 8\bin\Custom\Strategies and press F5 in the NinjaScript editor. README.md tells the rest.
//
//     FOLDER\*.txt, FOLDER\enhanced\*.txt   a signal each, written under another name and renamed
//     FOLDER\processed                      handled files; the name tells how: _TAKEN, _EXPIRED, _REFUSED, _DUPLICATE, _INCOMPLETE
//     FOLDER\processed_signals.log          time | file | status
//     FOLDER\completed_trades.log           time | id | action | pattern | exit reason | dollars | exit price | points
//     FOLDER\taken_ids.log                  an id is here before its order is placed, so no id is ever traded twice

#region Using declarations
using System;
using System.Collections.Generic;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.IO;
using System.Text;
using System.Threading;
using NinjaTrader.Cbi;
using NinjaTrader.Core;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.DrawingTools;
#endregion

namespace NinjaTrader.NinjaScript.Strategies
{
    /// <summary>
    /// Whatever is doubtful is not traded: another account than the named one, another instrument or month, a signal whose time is over or that
    /// does not tell its time, a stop on the wrong side, an id that was taken before.
    ///
    /// Threads: a timer asks NinjaTrader for a custom event once a second; files and orders are handled there and in OnBarUpdate. Reports of orders
    /// and fills come on threads of NinjaTrader's own, sometimes inside a call of ours. The trade changes under _lock, which is held briefly and
    /// never while NinjaTrader is called.
    /// </summary>
    public class SignalFileTrader : Strategy
    {
        const int LongestId = 50; // NinjaTrader's limit for signal names
        const int LongestFile = 64 * 1024;
        const double UnfinishedSeconds = 10; // a file that is not complete by then never will be

        /// <summary>What a file says. Prices are null where it says nothing.</summary>
        sealed class Signal
        {
            public string Id, Action, Pattern, Instrument, Contract;
            public double? Entry, Stop, Target;
            public bool Market, NoTarget;
            public DateTime UntilUtc;

            public bool Enters { get { return Action == "BUY" || Action == "SELL"; } }
        }

        /// <summary>An entry that was placed, until it has come to nothing or is closed again. Exit: the last fill that closed some of it.</summary>
        sealed class Trade
        {
            public Signal Signal;
            public Order Order;
            public int Side, Held, Closed;
            public double Stop, Paid, Got, Exit;
            public bool Over;
        }

        readonly object _lock = new object();
        readonly HashSet<string> _taken = new HashSet<string>();
        readonly HashSet<string> _stuck = new HashSet<string>(); // handled files that could not be moved
        FileStream _ids;
        Timer _timer;
        Trade _trade; // null: nothing works and nothing is open
        Trade _gone; // the last one that was cancelled: a fill may have crossed the cancel
        DateTime _marketUtc;
        double _last; // price; 0 before the first
        int _looking;
        string _told = "";

        #region Settings
        [NinjaScriptProperty]
        [Display(Name = "Folder", Order = 1, GroupName = "Signals", Description = "Where the signal files come; empty: signals under NinjaTrader's user folder")]
        public string Folder { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Traded account", Order = 2, GroupName = "Signals", Description = "Name of the account that may be traded; on any other, and while it is empty, every signal is refused")]
        public string TradedAccount { get; set; }

        [NinjaScriptProperty]
        [Range(1, 100)]
        [Display(Name = "Contracts", Order = 3, GroupName = "Signals", Description = "Size of each trade; a file names none")]
        public int Contracts { get; set; }

        [NinjaScriptProperty]
        [Range(0.01, 5)]
        [Display(Name = "Stop, %", Order = 4, GroupName = "Signals", Description = "Distance of the stop from the entry where a file names none")]
        public double StopPercent { get; set; }

        [NinjaScriptProperty]
        [Range(0.01, 1000)]
        [Display(Name = "Target, points", Order = 5, GroupName = "Signals", Description = "Distance of the target from the entry where a file names none")]
        public double TargetPoints { get; set; }
        #endregion

        // --- states -------------------------------------------------------------------------------------------------------------

        protected override void OnStateChange()
        {
            switch (State)
            {
                case State.SetDefaults:
                    Defaults();
                    break;
                case State.Realtime:
                    Guard(Begin);
                    break;
                case State.Terminated:
                    Guard(End);
                    break;
            }
        }

        /// <summary>Also runs for the copies that NinjaTrader makes for its dialogs: opens nothing.</summary>
        void Defaults()
        {
            Name = "SignalFileTrader";
            Description = "Trades signals that come as files, each at most once";
            Calculate = Calculate.OnBarClose;
            IsSuspendedWhileInactive = false;
            EntriesPerDirection = 1;
            EntryHandling = EntryHandling.AllEntries;
            StopTargetHandling = StopTargetHandling.PerEntryExecution; // each part of an entry is protected as soon as it has filled
            IsExitOnSessionCloseStrategy = true;
            ExitOnSessionCloseSeconds = 60;
            TimeInForce = TimeInForce.Gtc; // a stop that expired with the day would leave the position unprotected
            StartBehavior = StartBehavior.ImmediatelySubmit;
            RealtimeErrorHandling = RealtimeErrorHandling.StopCancelClose; // a stop that is refused ends the strategy and the position
            Folder = "";
            TradedAccount = "";
            Contracts = 1;
            StopPercent = 0.1;
            TargetPoints = 3;
        }

        void Begin()
        {
            if (Folder == "") Folder = Path.Combine(Globals.UserDataDir, "signals");
            Directory.CreateDirectory(Path.Combine(Folder, "processed"));
            if (AccountQty() != 0) Tell("the account holds " + AccountQty() + " already: protect and close that by hand; no entry until it is flat");
            _timer = new Timer(state => Guard(() => TriggerCustomEvent(given => Look(), null)), null, 1000, 1000);
        }

        /// <summary>Takes the folder, and reads which ids were taken. False while another strategy has it, such as an earlier run of this one.</summary>
        bool Open()
        {
            if (_ids != null) return true;
            try
            {
                _ids = new FileStream(Path.Combine(Folder, "taken_ids.log"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
            }
            catch (IOException error)
            {
                Tell("another strategy uses this folder, so this one trades nothing: " + error.Message);
                return false;
            }
            var content = new byte[_ids.Length];
            for (int at = 0; at < content.Length;) at += _ids.Read(content, at, content.Length - at);
            foreach (string id in Encoding.ASCII.GetString(content).Split('\n')) _taken.Add(id.Trim());
            if (content.Length > 0 && content[content.Length - 1] != '\n') _ids.WriteByte((byte)'\n'); // an id that was cut short
            return true;
        }

        void End()
        {
            Timer timer = _timer;
            _timer = null;
            if (timer != null) timer.Dispose();
            if (_ids != null) _ids.Dispose();
            _ids = null;
        }

        /// <summary>No exception may leave a method that NinjaTrader or the timer calls.</summary>
        void Guard(Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                Tell(error.GetType().Name + ": " + error.Message);
            }
        }

        /// <summary>Into NinjaTrader's log, once in a row.</summary>
        void Tell(string text)
        {
            if (_told == text) return;
            _told = text;
            Log("SignalFileTrader: " + text, LogLevel.Warning);
        }

        // --- files --------------------------------------------------------------------------------------------------------------

        protected override void OnBarUpdate()
        {
            if (BarsInProgress != 0) return;
            _last = Bars.GetClose(CurrentBar);
            _marketUtc = Utc(Bars.GetTime(CurrentBar));
            Look();
        }

        /// <summary>NinjaTrader calls it for quotes as well.</summary>
        protected override void OnMarketData(MarketDataEventArgs marketDataUpdate)
        {
            if (BarsInProgress != 0 || marketDataUpdate.MarketDataType != MarketDataType.Last) return;
            _last = marketDataUpdate.Price;
            _marketUtc = Utc(marketDataUpdate.Time);
        }

        /// <summary>Handles the files that are there, and cancels an entry whose time is over.</summary>
        void Look() { Guard(TakeFiles); }

        void TakeFiles()
        {
            if (State != State.Realtime || _timer == null || Interlocked.Exchange(ref _looking, 1) == 1) return;
            try
            {
                if (!Open()) return;
                Guard(Lapse);
                foreach (string folder in new[] { Folder, Path.Combine(Folder, "enhanced") })
                {
                    if (!Directory.Exists(folder)) continue;
                    string[] paths = Directory.GetFiles(folder, "*.txt");
                    Array.Sort(paths, string.CompareOrdinal);
                    foreach (string path in paths)
                        if (path.EndsWith(".txt") && !Path.GetFileName(path).StartsWith(".")) Guard(() => Handle(path));
                }
                Trade trade = Current();
                Draw.TextFixed(this, "signals", "signals: " + (trade == null ? "none open" : trade.Signal.Id) + "; " + _taken.Count + " taken", TextPosition.TopRight);
            }
            finally
            {
                Interlocked.Exchange(ref _looking, 0);
            }
        }

        void Handle(string path)
        {
            if (_stuck.Contains(path)) return;
            var file = new FileInfo(path);
            string text = "";
            try
            {
                if (file.Length <= LongestFile)
                    using (var opened = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None))
                    using (var reader = new StreamReader(opened, Encoding.UTF8)) text = reader.ReadToEnd();
            }
            catch (IOException)
            {
                return; // somebody writes it; look again
            }
            Dictionary<string, string> values = Values(text);
            if (!text.EndsWith("\n") || !values.ContainsKey("VALID_UNTIL")) // it is the last line
            {
                if (DateTime.UtcNow - file.LastWriteTimeUtc > TimeSpan.FromSeconds(UnfinishedSeconds)) Finish(path, "INCOMPLETE", "its last line is not VALID_UNTIL");
                return;
            }
            string why = Read(values, out Signal signal);
            if (why == "" && _taken.Contains(signal.Id)) Finish(path, "DUPLICATE", signal.Id + " was taken before");
            else if (why == "" && signal.UntilUtc <= NowUtc()) Finish(path, "EXPIRED", signal.Id + " was good until " + values["VALID_UNTIL"]);
            else if (why != "" || (why = Refusal(signal)) != "") Finish(path, "REFUSED", why);
            else
            {
                var id = Encoding.ASCII.GetBytes(signal.Id + "\n");
                _ids.Seek(0, SeekOrigin.End);
                _ids.Write(id, 0, id.Length);
                _ids.Flush(true); // before the order: a process that dies here never trades this id
                _taken.Add(signal.Id);
                Finish(path, "TAKEN", signal.Id + (signal.Enters ? Enter(signal) : Follow(signal)));
            }
        }

        /// <summary>The KEY=VALUE lines. A key that is there twice is no key.</summary>
        static Dictionary<string, string> Values(string text)
        {
            var values = new Dictionary<string, string>();
            var twice = new List<string>();
            foreach (string line in text.Split('\n'))
            {
                int at = line.IndexOf('=');
                if (line.StartsWith("#") || at < 1) continue;
                string key = line.Substring(0, at).Trim();
                if (values.ContainsKey(key)) twice.Add(key);
                values[key] = line.Substring(at + 1).Trim();
            }
            foreach (string key in twice) values.Remove(key);
            return values;
        }

        /// <summary>Returns why a file cannot be read as a signal; empty if it can.</summary>
        static string Read(Dictionary<string, string> values, out Signal signal)
        {
            signal = new Signal
            {
                Id = Text(values, "SIGNAL_ID"), Action = Text(values, "ACTION"), Pattern = Text(values, "PATTERN_TYPE"),
                Instrument = Text(values, "INSTRUMENT"), Contract = Text(values, "CONTRACT"), Market = Text(values, "ORDER") == "MARKET",
                NoTarget = values.ContainsKey("TAKE_PROFIT") && values["TAKE_PROFIT"] == "",
            };
            if (!IsId(signal.Id)) return "SIGNAL_ID: an id is 1 to " + LongestId + " printable characters without spaces";
            if (Array.IndexOf(new[] { "BUY", "SELL", "EXIT", "MOVE_STOP", "MOVE_TARGET" }, signal.Action) < 0) return "ACTION: unknown: " + signal.Action;
            if (!Price(values, "ENTRY_PRICE", out signal.Entry) || !Price(values, "STOP_LOSS", out signal.Stop) || !Price(values, "TAKE_PROFIT", out signal.Target))
                return "PRICE: a price is no number above 0";
            if (signal.Enters && signal.Entry == null) return "ENTRY_PRICE: an entry needs one";
            const string form = "yyyy-MM-dd'T'HH:mm:ss'Z'";
            const DateTimeStyles utc = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
            if (!DateTime.TryParseExact(values["VALID_UNTIL"], form, CultureInfo.InvariantCulture, utc, out signal.UntilUtc))
                return "VALID_UNTIL: no time such as 2026-03-02T14:31:00Z";
            return "";
        }

        static string Text(Dictionary<string, string> values, string key) { return values.TryGetValue(key, out string value) ? value : ""; }

        static bool Price(Dictionary<string, string> values, string key, out double? price)
        {
            price = null;
            string text = Text(values, key);
            if (text == "") return true;
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value)) return false;
            price = value;
            return value > 0 && value < 1e7;
        }

        static bool IsId(string id)
        {
            foreach (char each in id)
                if (each <= ' ' || each > '~') return false;
            return id.Length > 0 && id.Length <= LongestId;
        }

        /// <summary>Moves a file that was handled, and notes what became of it.</summary>
        void Finish(string path, string status, string why)
        {
            string name = Path.GetFileNameWithoutExtension(path) + "_" + status;
            try
            {
                string to = Path.Combine(Folder, "processed", name + ".txt");
                for (int number = 2; File.Exists(to); number++) to = Path.Combine(Folder, "processed", name + "_" + number + ".txt");
                File.Move(path, to);
            }
            catch (IOException error)
            {
                _stuck.Add(path);
                why += " (it cannot be moved: " + error.Message + ")";
            }
            Note("processed_signals.log", Path.GetFileName(path), status + ": " + why);
            if (status != "TAKEN") Tell(Path.GetFileName(path) + " " + status + ": " + why);
        }

        void Note(string file, params string[] words)
        {
            string time = DateTime.UtcNow.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            File.AppendAllText(Path.Combine(Folder, file), time + " | " + string.Join(" | ", words) + "\r\n");
        }

        // --- checks -------------------------------------------------------------------------------------------------------------

        /// <summary>Why a signal is not traded; empty if it is. Puts the prices of an entry on the tick.</summary>
        string Refusal(Signal signal)
        {
            if (Account.Name != TradedAccount) return "ACCOUNT: this is " + Account.Name + ", and the setting Traded account names " + (TradedAccount == "" ? "none" : TradedAccount);
            if (signal.Instrument != Instrument.MasterInstrument.Name) return "INSTRUMENT: for " + signal.Instrument + ", and this chart holds " + Instrument.FullName;
            if (signal.Contract != "" && signal.Contract != Instrument.FullName) return "CONTRACT: for " + signal.Contract + ", and this chart holds " + Instrument.FullName;
            if (_last == 0) return "MARKET: no bar has closed yet, so there is no price";
            return signal.Enters ? EntryRefusal(signal) : FollowRefusal(signal, Current());
        }

        string EntryRefusal(Signal signal)
        {
            if (Current() != null) return "POSITION: " + Current().Signal.Id + " is working or open; one trade at a time";
            if (AccountQty() != 0) return "POSITION: the account holds " + AccountQty() + " already";
            int side = signal.Action == "BUY" ? 1 : -1;
            double tick = Instrument.MasterInstrument.TickSize, entry = (double)signal.Entry;
            if (Math.Abs(entry / tick - Math.Round(entry / tick)) > 1e-6) return "ENTRY_PRICE: " + entry + " is not on the tick " + tick;
            double stop = signal.Stop ?? entry * (1 - side * StopPercent / 100);
            signal.Stop = Closer(stop, side, tick);
            if (!signal.NoTarget) signal.Target = Instrument.MasterInstrument.RoundToTickSize(signal.Target ?? entry + side * TargetPoints);
            if ((entry - (double)signal.Stop) * side <= 0) return "STOP: " + stop + " is on the wrong side of the entry at " + entry;
            if ((_last - (double)signal.Stop) * side <= 0) return "STOP: the market at " + _last + " is beyond the stop at " + stop;
            if (signal.NoTarget) return "";
            if (((double)signal.Target - entry) * side <= 0) return "TARGET: " + signal.Target + " is on the wrong side of the entry at " + entry;
            if (signal.Market && ((double)signal.Target - _last) * side <= 0) return "TARGET: the market at " + _last + " is beyond the target at " + signal.Target;
            return "";
        }

        string FollowRefusal(Signal signal, Trade trade)
        {
            if (trade == null) return "POSITION: nothing of ours is open";
            if (signal.Action == "EXIT") return "";
            double? price = signal.Action == "MOVE_STOP" ? signal.Stop : signal.Target;
            if (price == null) return "PRICE: the file does not say where to";
            if (trade.Held == 0) return "POSITION: " + trade.Signal.Id + " has not filled";
            int side = signal.Action == "MOVE_STOP" ? trade.Side : -trade.Side;
            if ((_last - (double)price) * side <= 0) return "PRICE: the market at " + _last + " is beyond " + price;
            double stop = Closer((double)price, trade.Side, Instrument.MasterInstrument.TickSize);
            if (signal.Action == "MOVE_STOP" && (stop - trade.Stop) * trade.Side <= 0) return "STOP: " + price + " is not closer than " + trade.Stop;
            return "";
        }

        /// <summary>On the tick, towards the entry: never more risk than the signal has.</summary>
        static double Closer(double stop, int side, double tick)
        {
            double ticks = stop / tick;
            return tick * (side > 0 ? Math.Ceiling(ticks - 1e-6) : Math.Floor(ticks + 1e-6));
        }

        // --- orders -------------------------------------------------------------------------------------------------------------

        /// <summary>Stop and target are set before the entry is placed. Returns what is to be noted.</summary>
        string Enter(Signal signal)
        {
            var trade = new Trade { Signal = signal, Side = signal.Action == "BUY" ? 1 : -1, Stop = (double)signal.Stop };
            lock (_lock) _trade = trade;
            SetStopLoss(signal.Id, CalculationMode.Price, trade.Stop, false);
            if (!signal.NoTarget) SetProfitTarget(signal.Id, CalculationMode.Price, (double)signal.Target);
            Order order;
            if (signal.Market) order = trade.Side > 0 ? EnterLong(Contracts, signal.Id) : EnterShort(Contracts, signal.Id);
            else if (trade.Side > 0) order = EnterLongLimit(0, true, Contracts, (double)signal.Entry, signal.Id);
            else order = EnterShortLimit(0, true, Contracts, (double)signal.Entry, signal.Id);
            lock (_lock)
            {
                if (order == null && trade.Held == 0) trade.Over = true;
                if (trade.Over && _trade == trade) _trade = null;
                else trade.Order = order;
            }
            return order == null ? ", and NinjaTrader ignored it" : "";
        }

        /// <summary>Carries out an exit or a move. Returns what is to be noted.</summary>
        string Follow(Signal signal)
        {
            Trade trade = Current();
            if (trade == null) return ", and the trade is over";
            string entry = trade.Signal.Id;
            if (signal.Action == "EXIT")
            {
                if (trade.Order != null && trade.Held < trade.Order.Quantity) CancelOrder(trade.Order);
                if (trade.Held > 0 && trade.Side > 0) ExitLong(trade.Held, signal.Id, entry);
                else if (trade.Held > 0) ExitShort(trade.Held, signal.Id, entry);
            }
            else if (signal.Action == "MOVE_STOP")
            {
                trade.Stop = Closer((double)signal.Stop, trade.Side, Instrument.MasterInstrument.TickSize);
                SetStopLoss(entry, CalculationMode.Price, trade.Stop, false);
            }
            else SetProfitTarget(entry, CalculationMode.Price, Instrument.MasterInstrument.RoundToTickSize((double)signal.Target));
            return " for " + entry;
        }

        /// <summary>Cancels what has not filled in its time.</summary>
        void Lapse()
        {
            Trade trade = Current();
            if (trade == null || trade.Order == null || trade.Signal.UntilUtc > NowUtc()) return;
            if (trade.Order.OrderState == OrderState.Working || trade.Order.OrderState == OrderState.Accepted || trade.Order.OrderState == OrderState.PartFilled)
                CancelOrder(trade.Order);
        }

        protected override void OnOrderUpdate(
            Order order, double limitPrice, double stopPrice, int quantity, int filled, double averageFillPrice, OrderState orderState, DateTime time,
            ErrorCode error, string comment)
        {
            if (orderState != OrderState.Cancelled && orderState != OrderState.Rejected) return;
            lock (_lock)
            {
                if (_trade == null || order.Name != _trade.Signal.Id || _trade.Held > 0) return;
                _trade.Over = true;
                _gone = _trade;
                _trade = null;
            }
            Guard(() => Note("processed_signals.log", order.Name, (orderState == OrderState.Cancelled ? "CANCELLED" : "REJECTED: " + comment)));
        }

        protected override void OnExecutionUpdate(
            Execution execution, string executionId, double price, int quantity, MarketPosition marketPosition, string orderId, DateTime time)
        {
            Trade over = null;
            lock (_lock)
            {
                if (execution.Order == null) return;
                if (_trade == null && _gone != null && execution.Order.Name == _gone.Signal.Id) _trade = _gone;
                Trade trade = _trade;
                if (trade == null) return;
                if (execution.Order.Name == trade.Signal.Id)
                {
                    trade.Held += quantity;
                    trade.Paid += price * quantity;
                    return;
                }
                if (trade.Held == 0 || execution.Order.FromEntrySignal != trade.Signal.Id) return;
                trade.Held -= quantity;
                trade.Closed += quantity;
                trade.Got += price * quantity;
                trade.Exit = price;
                if (trade.Held > 0) return;
                over = trade;
                trade.Over = true;
                _trade = null;
            }
            double points = (over.Got - over.Paid) * over.Side;
            string dollars = (points * Instrument.MasterInstrument.PointValue).ToString("0.00", CultureInfo.InvariantCulture);
            Guard(() => Note(
                "completed_trades.log", over.Signal.Id, over.Signal.Action, over.Signal.Pattern, execution.Order.Name, dollars,
                over.Exit.ToString(CultureInfo.InvariantCulture), (points / over.Closed).ToString("0.####", CultureInfo.InvariantCulture)));
        }

        // --- what is there ------------------------------------------------------------------------------------------------------

        Trade Current()
        {
            lock (_lock) return _trade;
        }

        int AccountQty()
        {
            MarketPosition side = PositionAccount.MarketPosition;
            return side == MarketPosition.Flat ? 0 : side == MarketPosition.Long ? PositionAccount.Quantity : -PositionAccount.Quantity;
        }

        /// <summary>The later of the market's time and this PC's; in playback the market's alone.</summary>
        DateTime NowUtc()
        {
            DateTime clock = DateTime.UtcNow;
            return Connection.PlaybackConnection != null || clock < _marketUtc ? _marketUtc : clock;
        }

        /// <summary>A time of NinjaTrader's, which is in the time zone of its options.</summary>
        static DateTime Utc(DateTime time)
        {
            TimeZoneInfo zone = Globals.GeneralOptions.TimeZoneInfo;
            time = DateTime.SpecifyKind(time, DateTimeKind.Unspecified);
            return TimeZoneInfo.ConvertTimeToUtc(zone.IsInvalidTime(time) ? time.AddHours(1) : time, zone);
        }
    }
}
