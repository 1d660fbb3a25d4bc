// The part of NinjaTrader 8 that the scripts compile against, with its names and shapes, for tests on Linux. None of this ships: on a trading
// PC the real assemblies take its place. Broker.cs and Host.cs give the classes their behaviour; testing/README.md lists what they
// cannot show.

using System;
using System.Collections.Generic;
using NinjaTrader.Cbi;
using NinjaTrader.Data;

namespace NinjaTrader.Cbi
{
    public enum MarketPosition { Long, Short, Flat }

    public enum LogLevel { Alert, Error, Information, Warning }

    public enum OrderState
    {
        Accepted = 0, Cancelled = 1, Filled = 2, Initialized = 3, PartFilled = 4, CancelPending = 5, ChangeSubmitted = 6, Rejected = 7,
        Submitted = 8, TriggerPending = 9, Working = 10, CancelSubmitted = 11, ChangePending = 12, Suspended = 13, Unknown = 99,
    }

    public enum OrderAction { Buy, BuyToCover, Sell, SellShort }

    public enum OrderType { Limit, Market, MIT, StopLimit, StopMarket }

    public enum OrderEntry { Automated, Manual }

    public enum TimeInForce { Day, Gtc }

    public enum ErrorCode { NoError = 0, OrderRejected = 6, Panic = 18 }

    public enum PerformanceUnit { Currency, Percent, Pips, Points, Ticks }

    public enum Currency { UsDollar }

    public enum AccountItem { CashValue = 1, GrossRealizedProfitLoss = 8, RealizedProfitLoss = 18, UnrealizedProfitLoss = 23 }

    public enum AccountStatus { Disabled, Enabled, LiquidationOnly, Excluded }

    public enum Provider { Playback = 13, Simulator = 15, Provider1 = 20 }

    public enum ConnectionStatus { Connected, ConnectionLost, Connecting, Disconnected, Disconnecting }

    public class MasterInstrument
    {
        public string Name;
        public double TickSize, PointValue;

        public double RoundToTickSize(double price) { return Math.Round(price / TickSize) * TickSize; }
    }

    public class Instrument
    {
        public string FullName;
        public MasterInstrument MasterInstrument;
    }

    public class CustomOrder { }

    [Serializable]
    public class Order
    {
        public string OrderId, Name, FromEntrySignal = "", Oco = "";
        [NonSerialized] public Instrument Instrument;
        [NonSerialized] public Account Account;
        public OrderAction OrderAction;
        public OrderType OrderType;
        public OrderState OrderState;
        public int Quantity, Filled;
        public double LimitPrice, StopPrice, AverageFillPrice, LimitPriceChanged, StopPriceChanged;
        public DateTime Time;
    }

    [Serializable]
    public class Execution
    {
        [NonSerialized] public Account Account;
        [NonSerialized] public Instrument Instrument;
        public Order Order;
        public string ExecutionId, Name;
        public double Price;
        public int Quantity;
        public MarketPosition MarketPosition;
        public DateTime Time;
    }

    public class Position
    {
        public Account Account;
        public Instrument Instrument;
        public MarketPosition MarketPosition = MarketPosition.Flat;
        public int Quantity;
        public double AveragePrice;
    }

    public class OrderEventArgs : EventArgs
    {
        public Order Order;
        public OrderState OrderState;
        public ErrorCode Error;
        public string Comment = "";
    }

    public class ExecutionEventArgs : EventArgs
    {
        public Execution Execution;
    }

    public class ConnectionStatusEventArgs : EventArgs
    {
        public ConnectionStatus Status, PriceStatus;
    }

    public class ConnectOptions
    {
        public string Name;
    }

    public class Connection
    {
        public ConnectOptions Options = new ConnectOptions();
        public ConnectionStatus Status = ConnectionStatus.Connected;
        public static Connection PlaybackConnection;
    }

    /// <summary>An account. The simulated broker carries out its orders.</summary>
    public class Account
    {
        public static readonly List<Account> All = new List<Account>();

        public string Name;
        public Connection Connection;
        public AccountStatus AccountStatus { get; set; }
        public Provider Provider { get; set; }
        public readonly List<Order> Orders = new List<Order>();
        public readonly List<Execution> Executions = new List<Execution>();
        public readonly List<Position> Positions = new List<Position>();
        public Func<AccountItem, double> Value;
        public Action<Order> Submitting, Changing, Cancelling;

        public event EventHandler<OrderEventArgs> OrderUpdate;
        public event EventHandler<ExecutionEventArgs> ExecutionUpdate;

        public double Get(AccountItem item, Currency currency) { return Value(item); }

        public Order CreateOrder(
            Instrument instrument, OrderAction action, OrderType type, OrderEntry entry, TimeInForce timeInForce, int quantity,
            double limitPrice, double stopPrice, string oco, string name, DateTime gtd, CustomOrder customOrder)
        {
            return new Order
            {
                Account = this, Instrument = instrument, OrderAction = action, OrderType = type, Quantity = quantity, LimitPrice = limitPrice,
                StopPrice = stopPrice, Oco = oco, Name = name, OrderState = OrderState.Initialized,
            };
        }

        public void Submit(IEnumerable<Order> orders) { foreach (Order order in orders) Submitting(order); }

        public void Change(IEnumerable<Order> orders) { foreach (Order order in orders) Changing(order); }

        public void Cancel(IEnumerable<Order> orders) { foreach (Order order in new List<Order>(orders)) Cancelling(order); }

        public void Tell(OrderEventArgs e) { OrderUpdate?.Invoke(this, e); }

        public void Tell(ExecutionEventArgs e) { ExecutionUpdate?.Invoke(this, e); }
    }
}

namespace NinjaTrader.Core
{
    public class GeneralOptions
    {
        public TimeZoneInfo TimeZoneInfo = TimeZoneInfo.FindSystemTimeZoneById("America/New_York");
    }

    public static class Globals
    {
        public static GeneralOptions GeneralOptions = new GeneralOptions();
        public static string UserDataDir = "";
        public static DateTime MaxDate = new DateTime(2099, 12, 1);
    }
}

namespace NinjaTrader.Data
{
    public enum BarsPeriodType { Tick = 0, Volume = 1, Range = 2, Second = 3, Minute = 4, Day = 5, Volumetric = 14 }

    public enum VolumetricDeltaType { BidAsk, UpDownTick }

    public class BarsPeriod
    {
        public BarsPeriodType BarsPeriodType = BarsPeriodType.Minute, BaseBarsPeriodType = BarsPeriodType.Minute;
        public int Value = 1, BaseBarsPeriodValue = 1;
    }

    public enum MarketDataType { Ask, Bid, Last, DailyHigh, DailyLow, DailyVolume, LastClose, Opening, OpenInterest, Settlement, Unknown }

    public class MarketDataEventArgs : EventArgs
    {
        public double Ask, Bid, Price;
        public long Volume;
        public DateTime Time;
        public Instrument Instrument;
        public MarketDataType MarketDataType;
    }

    /// <summary>
    /// The template of a chart: CME's index futures, 18:00 to 17:00 New York, but for the days in Closes, which close early, or not at all where the
    /// close is null.
    /// </summary>
    public class TradingHours
    {
        public string Name = "CME US Index Futures ETH";
        public readonly Dictionary<DateTime, TimeSpan?> Closes = new Dictionary<DateTime, TimeSpan?>();
    }

    public class SessionIterator
    {
        readonly TradingHours _hours;

        public SessionIterator(Bars bars) { _hours = bars.TradingHours; }

        public DateTime ActualSessionBegin { get; private set; }
        public DateTime ActualSessionEnd { get; private set; }
        public DateTime ActualTradingDayExchange { get; private set; }

        /// <summary>The session that the time lies in, or else the next one.</summary>
        public bool GetNextSession(DateTime timeLocal, bool includesEndTimeStamp)
        {
            for (DateTime day = timeLocal.Date; day < timeLocal.Date.AddDays(30); day = day.AddDays(1))
            {
                if (day.DayOfWeek == DayOfWeek.Saturday || day.DayOfWeek == DayOfWeek.Sunday) continue;
                TimeSpan? close = _hours.Closes.TryGetValue(day, out TimeSpan? special) ? special : TimeSpan.FromHours(17);
                if (close == null) continue;
                ActualSessionBegin = day.AddDays(-1).AddHours(18);
                ActualSessionEnd = day + close.Value;
                ActualTradingDayExchange = day;
                if (ActualSessionEnd > timeLocal || (includesEndTimeStamp && ActualSessionEnd == timeLocal)) return true;
            }
            return false;
        }
    }

    /// <summary>A series by absolute number, oldest first.</summary>
    public class Bars
    {
        public Instrument Instrument;
        public BarsPeriod BarsPeriod = new BarsPeriod();
        public TradingHours TradingHours = new TradingHours();
        public NinjaTrader.NinjaScript.BarsTypes.BarsType BarsType;
        public readonly List<DateTime> Times = new List<DateTime>();
        public readonly List<double[]> Prices = new List<double[]>();
        public readonly List<long> Volumes = new List<long>();

        public int Count { get { return Times.Count; } }
        public DateTime GetTime(int index) { return Times[index]; }
        public double GetOpen(int index) { return Prices[index][0]; }
        public double GetHigh(int index) { return Prices[index][1]; }
        public double GetLow(int index) { return Prices[index][2]; }
        public double GetClose(int index) { return Prices[index][3]; }
        public long GetVolume(int index) { return Volumes[index]; }

        /// <summary>Removes the first bars, as on a chart whose history begins later.</summary>
        public void Drop(int count)
        {
            Times.RemoveRange(0, count);
            Prices.RemoveRange(0, count);
            Volumes.RemoveRange(0, count);
            (BarsType as NinjaTrader.NinjaScript.BarsTypes.VolumetricBarsType)?.Volumes.RemoveRange(0, count);
        }
    }
}

namespace NinjaTrader.NinjaScript.BarsTypes
{
    public class BarsType { }

    public class VolumetricData
    {
        public long TotalBuyingVolume, TotalSellingVolume;

        public long BarDelta { get { return TotalBuyingVolume - TotalSellingVolume; } }
    }

    public class VolumetricBarsType : BarsType
    {
        public readonly List<VolumetricData> Volumes = new List<VolumetricData>();
    }
}

namespace NinjaTrader.NinjaScript
{
    public enum State { Undefined, SetDefaults, Configure, Active, DataLoaded, Historical, Transition, Realtime, Terminated, Finalized }

    public enum Calculate { OnBarClose, OnEachTick, OnPriceChange }

    public enum CalculationMode { Currency, Percent, Price, Ticks, Pips }

    public enum StartBehavior { AdoptAccountPosition, ImmediatelySubmit, ImmediatelySubmitSynchronizeAccount, WaitUntilFlat, WaitUntilFlatSynchronizeAccount }

    public enum RealtimeErrorHandling { IgnoreAllErrors, StopCancelClose, StopCancelCloseIgnoreRejects }

    public enum EntryHandling { AllEntries, UniqueEntries }

    public enum StopTargetHandling { ByStrategyPosition, PerEntryExecution }

    public class NinjaScriptPropertyAttribute : Attribute { }

    /// <summary>What strategies and indicators share.</summary>
    public abstract class NinjaScriptBase
    {
        public State State;
        public string Name, Description;
        public Calculate Calculate;
        public bool IsSuspendedWhileInactive, IsOverlay;
        public Bars[] BarsArray = new Bars[0];
        public int[] CurrentBars = new int[0];
        public int BarsInProgress;
        public Testing.IHost Host;
        public readonly List<string> Printed = new List<string>();

        /// <summary>The text in the chart's corner.</summary>
        public string Corner = "";

        public Bars Bars { get { return BarsArray[0]; } }
        public Instrument Instrument { get { return BarsArray.Length == 0 ? null : BarsArray[0].Instrument; } }
        public int CurrentBar { get { return CurrentBars[BarsInProgress]; } }

        protected virtual void OnStateChange() { }
        protected virtual void OnBarUpdate() { }
        protected virtual void OnMarketData(MarketDataEventArgs marketDataUpdate) { }
        protected virtual void OnConnectionStatusUpdate(ConnectionStatusEventArgs connectionStatusUpdate) { }

        public void Print(object text)
        {
            lock (Printed) Printed.Add(Convert.ToString(text));
        }

        public void Log(string text, LogLevel level) { Print(level + ": " + text); }

        protected void AddDataSeries(string instrumentName, BarsPeriodType periodType, int period) { Host.Add(this, instrumentName, false); }

        protected void AddVolumetric(string instrumentName, BarsPeriodType periodType, int period, VolumetricDeltaType deltaType, int ticksPerLevel)
        {
            Host.Add(this, instrumentName, true);
        }

        protected void TriggerCustomEvent(Action<object> action, object state) { Host.Trigger(this, action, state); }

        public void Enter(State state)
        {
            State = state;
            OnStateChange();
        }

        public void Bar(int series, int index)
        {
            BarsInProgress = series;
            CurrentBars[series] = index;
            OnBarUpdate();
        }

        public void Quote(int series, MarketDataEventArgs e)
        {
            BarsInProgress = series;
            OnMarketData(e);
        }

        public void Connected(ConnectionStatusEventArgs e) { OnConnectionStatusUpdate(e); }
    }
}

namespace NinjaTrader.NinjaScript.Indicators
{
    public abstract class Indicator : NinjaScriptBase { }
}

namespace NinjaTrader.NinjaScript.AddOns
{
    public abstract class AddOnBase { }
}

namespace NinjaTrader.NinjaScript.Strategies
{
    /// <summary>A strategy on the managed approach.</summary>
    public abstract class Strategy : NinjaScriptBase
    {
        public Account Account;
        public int EntriesPerDirection = 1, ExitOnSessionCloseSeconds = 30;
        public bool IsExitOnSessionCloseStrategy = true;
        public EntryHandling EntryHandling;
        public StopTargetHandling StopTargetHandling;
        public StartBehavior StartBehavior;
        public RealtimeErrorHandling RealtimeErrorHandling;
        public TimeInForce TimeInForce;
        public Position PositionAccount = new Position();

        /// <summary>What the strategy itself counts; here the same as the account's.</summary>
        public Position Position { get { return PositionAccount; } }

        protected virtual void OnOrderUpdate(
            Order order, double limitPrice, double stopPrice, int quantity, int filled, double averageFillPrice, OrderState orderState, DateTime time,
            ErrorCode error, string comment) { }

        protected virtual void OnExecutionUpdate(
            Execution execution, string executionId, double price, int quantity, MarketPosition marketPosition, string orderId, DateTime time) { }

        protected virtual void OnPositionUpdate(Position position, double averagePrice, int quantity, MarketPosition marketPosition) { }

        protected Order EnterLong(int quantity, string signalName) { return Host.Enter(this, OrderAction.Buy, OrderType.Market, quantity, 0, signalName); }

        protected Order EnterShort(int quantity, string signalName) { return Host.Enter(this, OrderAction.SellShort, OrderType.Market, quantity, 0, signalName); }

        protected Order EnterLongLimit(int barsInProgressIndex, bool isLiveUntilCancelled, int quantity, double limitPrice, string signalName)
        {
            return Host.Enter(this, OrderAction.Buy, OrderType.Limit, quantity, limitPrice, signalName);
        }

        protected Order EnterShortLimit(int barsInProgressIndex, bool isLiveUntilCancelled, int quantity, double limitPrice, string signalName)
        {
            return Host.Enter(this, OrderAction.SellShort, OrderType.Limit, quantity, limitPrice, signalName);
        }

        protected Order ExitLong(int quantity, string signalName, string fromEntrySignal) { return Host.Exit(this, OrderAction.Sell, quantity, signalName, fromEntrySignal); }

        protected Order ExitShort(int quantity, string signalName, string fromEntrySignal)
        {
            return Host.Exit(this, OrderAction.BuyToCover, quantity, signalName, fromEntrySignal);
        }

        protected void SetStopLoss(string fromEntrySignal, CalculationMode mode, double value, bool isSimulatedStop)
        {
            Host.SetStop(this, fromEntrySignal, value, mode == CalculationMode.Ticks);
        }

        protected void SetProfitTarget(string fromEntrySignal, CalculationMode mode, double value)
        {
            Host.SetTarget(this, fromEntrySignal, value, mode == CalculationMode.Ticks);
        }

        protected void CancelOrder(Order order) { Account.Cancel(new[] { order }); }

        public void Tell(Order order, OrderState state, ErrorCode error, string comment)
        {
            OnOrderUpdate(
                order, order.LimitPrice, order.StopPrice, order.Quantity, order.Filled, order.AverageFillPrice, state, order.Time, error, comment);
        }

        public void Tell(Execution execution)
        {
            OnExecutionUpdate(
                execution, execution.ExecutionId, execution.Price, execution.Quantity, execution.MarketPosition, execution.Order.OrderId, execution.Time);
        }

        public void Tell(Position position) { OnPositionUpdate(position, position.AveragePrice, position.Quantity, position.MarketPosition); }
    }
}

namespace NinjaTrader.NinjaScript.Testing
{
    /// <summary>What the stand-ins pass on to the host.</summary>
    public interface IHost
    {
        void Add(NinjaScriptBase script, string instrument, bool volumetric);
        void Trigger(NinjaScriptBase script, Action<object> action, object state);
        Order Enter(Strategies.Strategy strategy, OrderAction action, OrderType type, int quantity, double limit, string name);
        Order Exit(Strategies.Strategy strategy, OrderAction action, int quantity, string name, string fromEntry);
        void SetStop(Strategies.Strategy strategy, string fromEntry, double value, bool ticks);
        void SetTarget(Strategies.Strategy strategy, string fromEntry, double value, bool ticks);
    }
}

// Empty, for the `using` lines that NinjaTrader's editor puts at the top of every script.
namespace NinjaTrader.Gui { class Placeholder { } }
namespace NinjaTrader.Gui.Chart { class Placeholder { } }
namespace NinjaTrader.Gui.Tools { class Placeholder { } }
namespace NinjaTrader.NinjaScript.DrawingTools
{
    using NinjaTrader.NinjaScript;

    public enum TextPosition { BottomLeft, BottomRight, Center, TopLeft, TopRight }

    public static class Draw
    {
        public static void TextFixed(NinjaScriptBase owner, string tag, string text, TextPosition position) { owner.Corner = text; }
    }
}
namespace System.Windows.Media { class Placeholder { } }
