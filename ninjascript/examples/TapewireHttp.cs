// A NinjaTrader 8 strategy that asks tapewire's api about each bar over HTTP, for who cannot run NetMQ. README.md tells how to install it.
// It needs nothing else of tapewire than the files of this folder, and no DLL.

#region Using declarations
using System;
using System.Collections.Generic;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Text;
using NinjaTrader.Cbi;
using NinjaTrader.Core;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.BarsTypes;
using NinjaTrader.NinjaScript.DrawingTools;
using Tapewire.Http;
#endregion

namespace NinjaTrader.NinjaScript.Strategies
{
    /// <summary>
    /// A closed bar goes out; the answer comes back within two seconds, as a custom event, and is NONE on any doubt. An entry is placed after its
    /// stop. Orders, position and stops stay in NinjaTrader: without an answer nothing is entered, and what is open stays protected.
    ///
    /// Threads: OnBarUpdate and the custom events run one at a time. Reports of orders and fills come on threads of NinjaTrader's own, sometimes
    /// inside a call of ours. The trade changes under _lock, which is held briefly and never while NinjaTrader is called.
    /// </summary>
    public class TapewireHttp : Strategy
    {
        const int LateMs = 3000; // from the close of a bar to its order
        const double Highest = 1e9;

        /// <summary>A closed bar as the api reads it.</summary>
        struct SentBar
        {
            public string Time, Fields;
        }

        /// <summary>A closed bar that is asked about: its number, its time on the chart, and the time since.</summary>
        sealed class Question
        {
            public long Number;
            public string Time;
            public readonly Stopwatch Clock = Stopwatch.StartNew();
        }

        /// <summary>An entry that was placed, until it has come to nothing or is closed again.</summary>
        sealed class Trade
        {
            public string Id;
            public int Side, Held;
            public double Stop;
            public double? Target;
            public bool Exiting;
        }

        readonly object _lock = new object();
        readonly Queue<SentBar> _bars = new Queue<SentBar>();
        readonly HashSet<string> _taken = new HashSet<string>();
        SignalDoor _door;
        Trade _trade; // null: nothing works and nothing is open
        Trade _gone; // the last one that was cancelled: a fill may have crossed the cancel
        Market _market;
        string _barWhy = "", _settingsWhy = "", _levels = "", _told = "";
        bool _levelsTaken;
        long _asked; // how many bars were asked about

        #region Settings
        [NinjaScriptProperty]
        [Display(Name = "Remote", Order = 1, GroupName = "Api", Description = "Off: http to this machine's own address. On: https to Address")]
        public bool Remote { get; set; }

        [NinjaScriptProperty]
        [Range(1, 65535)]
        [Display(Name = "Port", Order = 2, GroupName = "Api", Description = "Of this machine's api, while Remote is off")]
        public int Port { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Address", Order = 3, GroupName = "Api", Description = "Such as https://signals.example, while Remote is on")]
        public string Address { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Folder", Order = 4, GroupName = "Api", Description = "Of the file http.key; empty: tapewire under NinjaTrader's user folder")]
        public string Folder { get; set; }

        [NinjaScriptProperty]
        [Range(0, 4999)]
        [Display(Name = "History", Order = 5, GroupName = "Api", Description = "Earlier bars sent with each bar. 0: the daemons have the bars already, from a bridge or a replay")]
        public int History { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Symbol", Order = 6, GroupName = "Api", Description = "The instrument's name in tapewire; empty: the chart's")]
        public string Symbol { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Traded account", Order = 7, GroupName = "Orders", Description = "Name of the account that may be traded; on any other, and while it is empty, nothing is entered")]
        public string TradedAccount { get; set; }

        [NinjaScriptProperty]
        [Range(1, 100)]
        [Display(Name = "Largest order", Order = 8, GroupName = "Orders", Description = "Contracts; a larger entry is none")]
        public int LargestOrder { get; set; }

        [NinjaScriptProperty]
        [Range(0, 1000)]
        [Display(Name = "Furthest, ticks", Order = 9, GroupName = "Orders", Description = "An entry further from the last close is none")]
        public int FurthestTicks { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Levels of", Order = 10, GroupName = "Levels", Description = "The trade date of Levels, such as 2026-02-19; on another one every answer is NONE")]
        public string LevelsDate { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Levels", Order = 11, GroupName = "Levels", Description = "For a chart that does not hold the day before: pdh=21900.5 pdl=21720.25")]
        public string Levels { get; set; }
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
            Name = "TapewireHttp";
            Description = "Asks tapewire about each bar over HTTP";
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
            Remote = false;
            Port = 8006;
            Address = "";
            Folder = "";
            History = 2000;
            Symbol = "";
            TradedAccount = "";
            LargestOrder = 1;
            FurthestTicks = 8;
            LevelsDate = "";
            Levels = "";
        }

        void Begin()
        {
            if (Folder == "") Folder = Path.Combine(Globals.UserDataDir, "tapewire");
            if (Symbol == "") Symbol = Instrument.MasterInstrument.Name;
            BarsPeriod period = Bars.BarsPeriod;
            bool volumetric = period.BarsPeriodType == BarsPeriodType.Volumetric;
            BarsPeriodType type = volumetric ? period.BaseBarsPeriodType : period.BarsPeriodType;
            if (type != BarsPeriodType.Minute || (volumetric ? period.BaseBarsPeriodValue : period.Value) != 1) _settingsWhy = "CHART: its bars are not one-minute";
            else if (!ReadLevels()) _settingsWhy = "LEVELS: write them as pdh=21900.5 pdl=21720.25, and their trade date as 2026-02-19";
            else _door = SignalDoor.Open(Remote, Port, Address, Folder, out _settingsWhy);
            if (AccountQty() != 0) Tell("the account holds " + AccountQty() + " already: protect and close that by hand; no entry until it is flat");
            if (_settingsWhy != "") Show(SignalAnswer.None(_settingsWhy), "");
        }

        void End()
        {
            _door?.Dispose();
            _door = null;
        }

        /// <summary>No exception may leave a method that NinjaTrader calls.</summary>
        void Guard(Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                Tell("NONE " + error.GetType().Name + ": " + error.Message);
            }
        }

        /// <summary>Into NinjaTrader's log, once in a row.</summary>
        void Tell(string text)
        {
            if (_told == text) return;
            _told = text;
            Log("TapewireHttp: " + text, LogLevel.Warning);
        }

        /// <summary>The answer to the bar of this time, in the chart's corner, and in the log if it is more than that there is no setup.</summary>
        void Show(SignalAnswer answer, string time)
        {
            string text = answer.Action + (answer.Id == "" ? " " : " " + answer.Id + " ") + answer.Why;
            if (answer.Action != "NONE" || !answer.Why.StartsWith("NO_SETUP", StringComparison.Ordinal)) Tell(text);
            Draw.TextFixed(this, "tapewire http", time + " " + text, TextPosition.TopRight);
        }

        // --- a bar goes out -----------------------------------------------------------------------------------------------------

        protected override void OnBarUpdate()
        {
            if (BarsInProgress == 0) Guard(Closed);
        }

        void Closed()
        {
            Remember(CurrentBar);
            if (State != State.Realtime) return;
            var question = new Question { Number = ++_asked, Time = Bars.GetTime(CurrentBar).ToString("HH:mm", CultureInfo.InvariantCulture) };
            string why = _settingsWhy != "" ? _settingsWhy : _barWhy;
            if (_door == null || why != "")
            {
                Show(SignalAnswer.None(why == "" ? "CLOSED: the strategy has not begun" : why), question.Time);
                return;
            }
            SentBar[] bars = _bars.ToArray();
            string position = HeldPosition();
            if (_levels != "" && History == 0 && !_levelsTaken)
            {
                string init = "{\"session_date\":" + StrictJson.Text(LevelsDate) + ",\"instrument\":" + StrictJson.Text(Symbol) + ",\"premarket_levels\":" + _levels + "}";
                Ask("session_init", () => init, reply => Started(reply, bars, position, question));
            }
            else AskSignal(bars, position, question);
        }

        /// <summary>Keeps a bar, as JSON, with those before it that are sent.</summary>
        void Remember(int index)
        {
            double[] prices = { Bars.GetOpen(index), Bars.GetHigh(index), Bars.GetLow(index), Bars.GetClose(index) };
            _market = new Market { Tick = Instrument.MasterInstrument.TickSize, Last = prices[3], LargestOrder = LargestOrder, FurthestTicks = FurthestTicks };
            DateTime utc = Utc(Bars.GetTime(index));
            _market.CloseNs = (utc.Ticks - 621355968000000000) * 100;
            foreach (double price in prices)
                if (!(price > 0 && price < Highest))
                {
                    _barWhy = "BAR: the one of " + utc.ToString("u", CultureInfo.InvariantCulture) + " has a price that is no number above 0; correct the data, then enable the strategy again";
                    return;
                }
            var text = new StringBuilder(160);
            string[] names = { "\"open\":", ",\"high\":", ",\"low\":", ",\"close\":" };
            for (int at = 0; at < 4; at++) text.Append(names[at]).Append(StrictJson.Number(prices[at]));
            text.Append(",\"volume\":").Append(Bars.GetVolume(index).ToString(CultureInfo.InvariantCulture));
            Flow(text, index);
            _bars.Enqueue(new SentBar { Time = utc.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture), Fields = text.ToString() });
            while (_bars.Count > History + 1) _bars.Dequeue();
        }

        /// <summary>The volume at bid and at ask, where the chart has it: what is missing stays out, and is never 0.</summary>
        void Flow(StringBuilder text, int index)
        {
            var volumetric = Bars.BarsType as VolumetricBarsType;
            if (volumetric == null) return;
            long bought = volumetric.Volumes[index].TotalBuyingVolume, sold = volumetric.Volumes[index].TotalSellingVolume;
            if (bought == 0 && sold == 0 && Bars.GetVolume(index) > 0) return; // traded, but the provider does not say on which side
            text.Append(",\"up_volume\":").Append(bought.ToString(CultureInfo.InvariantCulture)).Append(",\"down_volume\":");
            text.Append(sold.ToString(CultureInfo.InvariantCulture)).Append(",\"delta\":").Append(volumetric.Volumes[index].BarDelta.ToString(CultureInfo.InvariantCulture));
        }

        /// <summary>The account's position, as JSON.</summary>
        string HeldPosition()
        {
            int qty = AccountQty();
            string realised = ",\"realised\":" + StrictJson.Number(Account.Get(AccountItem.RealizedProfitLoss, Currency.UsDollar)) + "}";
            if (qty == 0) return "{\"is_flat\":true" + realised;
            Trade trade = Current();
            double entry = PositionAccount.AveragePrice, open = (_market.Last - entry) * qty * Instrument.MasterInstrument.PointValue;
            string made = "{\"is_flat\":false,\"direction\":\"" + (qty > 0 ? "Long" : "Short") + "\",\"quantity\":" + Math.Abs(qty).ToString(CultureInfo.InvariantCulture)
                + ",\"entry_price\":" + StrictJson.Number(entry) + ",\"unrealized_pnl\":" + StrictJson.Number(open);
            if (trade != null && trade.Held > 0)
            {
                made += ",\"entry_id\":" + StrictJson.Text(trade.Id) + ",\"stop\":" + StrictJson.Number(trade.Stop);
                if (trade.Target != null) made += ",\"target\":" + StrictJson.Number((double)trade.Target);
            }
            return made + realised;
        }

        /// <summary>On the thread of the door: 2,000 bars are 300 KB.</summary>
        string Body(SentBar[] bars, string position)
        {
            SentBar last = bars[bars.Length - 1];
            var text = new StringBuilder(200 * bars.Length + 500);
            text.Append("{\"timestamp\":\"").Append(last.Time).Append("\",\"instrument\":").Append(StrictJson.Text(Symbol));
            text.Append(",\"session_date\":").Append(StrictJson.Text(LevelsDate)).Append(",\"bar\":{").Append(last.Fields).Append("},\"position\":").Append(position);
            if (History > 0)
            {
                text.Append(",\"session_levels\":").Append(_levels == "" ? "{}" : _levels).Append(",\"bars\":[");
                for (int at = 0; at < bars.Length - 1; at++)
                    text.Append(at == 0 ? "{\"timestamp\":\"" : ",{\"timestamp\":\"").Append(bars[at].Time).Append("\",").Append(bars[at].Fields).Append('}');
                text.Append(']');
            }
            return text.Append('}').ToString();
        }

        void Ask(string path, Func<string> body, Action<Reply> then)
        {
            SignalDoor door = _door;
            if (door == null) return; // it has ended
            door.Post(path, body, reply =>
            {
                // On a thread of ours or of the pool, where an exception would end NinjaTrader.
                Guard(() => TriggerCustomEvent(given => Guard(() => then(reply)), null));
            });
        }

        void AskSignal(SentBar[] bars, string position, Question question)
        {
            Ask("signal", () => Body(bars, position), reply => Take(reply, question));
        }

        void Started(Reply reply, SentBar[] bars, string position, Question question)
        {
            _levelsTaken = reply.Body != null;
            if (_levelsTaken) AskSignal(bars, position, question);
            else Show(SignalAnswer.None("LEVELS: they are not taken: " + reply.Why), question.Time);
        }

        // --- the answer ---------------------------------------------------------------------------------------------------------

        void Take(Reply reply, Question question)
        {
            SignalAnswer answer = SignalAnswer.Of(reply, _market);
            string why = "";
            if (answer.Action != "NONE")
            {
                why = question.Number != _asked ? "LATE: the next bar has closed" : question.Clock.ElapsedMilliseconds > LateMs ? "LATE: it came after " + question.Clock.ElapsedMilliseconds + " ms" : Refusal(answer);
                if (why != "") answer = SignalAnswer.None(why);
            }
            if (answer.Action != "NONE" && !_taken.Add(answer.Id)) answer = SignalAnswer.None("DUPLICATE: " + answer.Id + " was taken before");
            if (answer.Side != 0) Enter(answer);
            else if (answer.Action != "NONE") Follow(answer, Current());
            Show(answer, question.Time);
        }

        /// <summary>Why a signal does not fit what is there; empty if it does.</summary>
        string Refusal(SignalAnswer answer)
        {
            if (State != State.Realtime) return "STATE: the strategy is not in real time";
            if (Account.Name != TradedAccount) return "ACCOUNT: this is " + Account.Name + ", and the setting Traded account names " + (TradedAccount == "" ? "none" : TradedAccount);
            Trade trade = Current();
            if (answer.Side != 0)
            {
                if (trade != null) return "POSITION: " + trade.Id + " is working or open; one trade at a time";
                return AccountQty() == 0 ? "" : "POSITION: the account holds " + AccountQty() + " already";
            }
            if (trade == null || trade.Held == 0) return "POSITION: nothing of ours is open";
            if (answer.Action == "EXIT") return trade.Exiting ? "CLOSING: an exit works already" : "";
            int side = answer.Action == "MOVE_STOP" ? trade.Side : -trade.Side;
            double price = answer.Action == "MOVE_STOP" ? SignalAnswer.Closer((double)answer.Stop, trade.Side, _market.Tick) : (double)answer.Target;
            if ((_market.Last - price) * side <= 0) return "PRICE: the market is beyond it";
            return answer.Action == "MOVE_STOP" && (price - trade.Stop) * trade.Side <= 0 ? "STOP: it is not closer than the one that rests" : "";
        }

        /// <summary>Stop and target are set before the entry is placed.</summary>
        void Enter(SignalAnswer answer)
        {
            var trade = new Trade { Id = answer.Id, Side = answer.Side, Stop = (double)answer.Stop, Target = answer.Target };
            lock (_lock) _trade = trade;
            SetStopLoss(trade.Id, CalculationMode.Price, trade.Stop, false);
            if (trade.Target != null) SetProfitTarget(trade.Id, CalculationMode.Price, (double)trade.Target);
            Order order = trade.Side > 0 ? EnterLong(answer.Size, trade.Id) : EnterShort(answer.Size, trade.Id);
            lock (_lock)
                if (order == null && trade.Held == 0 && _trade == trade) _trade = null; // NinjaTrader ignored it
        }

        void Follow(SignalAnswer answer, Trade trade)
        {
            if (answer.Action == "EXIT")
            {
                trade.Exiting = true;
                Order order = trade.Side > 0 ? ExitLong(trade.Held, answer.Id, trade.Id) : ExitShort(trade.Held, answer.Id, trade.Id);
                if (order == null) trade.Exiting = false;
            }
            else if (answer.Action == "MOVE_STOP")
            {
                trade.Stop = SignalAnswer.Closer((double)answer.Stop, trade.Side, _market.Tick);
                SetStopLoss(trade.Id, CalculationMode.Price, trade.Stop, false);
            }
            else
            {
                trade.Target = answer.Target;
                SetProfitTarget(trade.Id, CalculationMode.Price, (double)answer.Target);
            }
        }

        protected override void OnOrderUpdate(
            Order order, double limitPrice, double stopPrice, int quantity, int filled, double averageFillPrice, OrderState orderState, DateTime time,
            ErrorCode error, string comment)
        {
            if (orderState != OrderState.Cancelled && orderState != OrderState.Rejected) return;
            lock (_lock)
            {
                if (_trade == null) return;
                if (order.FromEntrySignal == _trade.Id) _trade.Exiting = false; // an exit that came to nothing may come again
                if (order.Name != _trade.Id || _trade.Held > 0) return;
                _gone = _trade;
                _trade = null;
            }
            Guard(() => Tell(order.Name + " " + orderState + " " + comment));
        }

        protected override void OnExecutionUpdate(
            Execution execution, string executionId, double price, int quantity, MarketPosition marketPosition, string orderId, DateTime time)
        {
            lock (_lock)
            {
                if (execution.Order == null) return;
                if (_trade == null && _gone != null && execution.Order.Name == _gone.Id) _trade = _gone;
                if (_trade == null) return;
                if (execution.Order.Name == _trade.Id) _trade.Held += quantity;
                else if (_trade.Held > 0 && execution.Order.FromEntrySignal == _trade.Id && (_trade.Held -= quantity) <= 0) _trade = null;
            }
        }

        // --- what is there ------------------------------------------------------------------------------------------------------

        /// <summary>Reads the setting Levels as JSON. False if it is none.</summary>
        bool ReadLevels()
        {
            DateTime date;
            bool dated = DateTime.TryParseExact(LevelsDate, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out date);
            var made = new List<string>();
            foreach (string pair in Levels.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] halves = pair.Split('=');
                double price = 0;
                if (halves.Length != 2 || !double.TryParse(halves[1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out price) || !(price > 0 && price < Highest)) return false;
                made.Add(StrictJson.Text(halves[0]) + ":" + StrictJson.Number(price));
            }
            _levels = made.Count == 0 ? "" : "{" + string.Join(",", made) + "}";
            return made.Count == 0 ? LevelsDate == "" : dated;
        }

        Trade Current()
        {
            lock (_lock) return _trade;
        }

        int AccountQty()
        {
            MarketPosition side = PositionAccount.MarketPosition;
            return side == MarketPosition.Flat ? 0 : side == MarketPosition.Long ? PositionAccount.Quantity : -PositionAccount.Quantity;
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
