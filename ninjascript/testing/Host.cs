// A stand-in for a chart in NinjaTrader's process: loads the strategy or the indicator, takes it through its states, and drives it bar by bar
// from an export. There may be several; they share the account.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading;
using NinjaTrader.Cbi;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript;
using NinjaTrader.NinjaScript.Indicators;
using NinjaTrader.NinjaScript.Strategies;
using NinjaTrader.NinjaScript.Testing;

namespace Tapewire.Testing
{
    /// <summary>How NinjaTrader behaves in a test.</summary>
    public sealed class HostOptions
    {
        public string Data, Instrument = "MNQ", Root = "NQ", Account = "Replay", Folder, BrokerFile = "", Month = "03-26", Closes = "", DaemonHost = "127.0.0.1";
        public double Cash = 150000;
        public int BasePort, GraceMs = 250, HoldMs = 30000, Historical, Invented, Begin, TickWindowMs = 100;
        /// <summary>Load SignalFileTrader with this folder instead of the bridge; empty: the bridge. TradedAccount: its setting.</summary>
        public string Signals = "", TradedAccount = "";
        /// <summary>Load TapewireHttp for this port, or for this address, instead of the bridge; 0 and empty: the bridge.</summary>
        public int HttpPort, HttpHistory, LargestOrder = 100;
        public string HttpAddress = "", LevelsDate = "", Levels = "";
        public bool Live, Inline, CrossFirst, Volumetric = true, WithCross = true, WithTicks;
        public Terms Terms;

        /// <summary>What the chart calls its bars; null: one minute. The data stay the same.</summary>
        public BarsPeriod Period;
        public readonly BadLuck Luck = new BadLuck();

        /// <summary>The same options for another instrument, on a chart that begins with bar `begin` of the data.</summary>
        public HostOptions For(string instrument, string root, int begin)
        {
            var other = (HostOptions)MemberwiseClone();
            other.Instrument = instrument;
            other.Root = root;
            other.Begin = begin;
            if (BrokerFile != "") other.BrokerFile = BrokerFile + "-" + instrument;
            return other;
        }
    }

    public sealed class Host : IHost
    {
        readonly HostOptions _options;
        readonly Queue<Action> _events = new Queue<Action>();
        readonly Bars _primary;
        readonly Dictionary<string, Bars> _all = new Dictionary<string, Bars>();
        readonly List<Bars> _added = new List<Bars>();
        readonly Account _account;
        readonly Broker _broker;

        /// <summary>Held around every call of the script, because NinjaTrader calls a strategy on one thread at a time.</summary>
        public readonly object Sync = new object();

        public TapewireBridge Bridge { get; private set; }

        /// <summary>The script on the chart: the bridge, or an indicator; null without one.</summary>
        public NinjaScriptBase Script { get; private set; }

        public int Count { get { return _primary.Count; } }

        /// <summary>The bar after the last one that the broker has traded: a new process continues there.</summary>
        public int Next { get { return _broker.Index + 1; } }

        public Host(HostOptions options)
        {
            _options = options;
            NinjaTrader.Core.Globals.UserDataDir = options.Folder;
            Connection.PlaybackConnection = options.Live ? null : new Connection();
            _account = Account.All.Find(each => each.Name == options.Account);
            if (_account == null) _account = AddAccount(options.Account, options.Cash, Provider.Playback);
            _primary = Series(options.Root, options.Instrument);
            _primary.Drop(options.Begin);
            foreach (string special in options.Closes.Split(new[] { ',' }, StringSplitOptions.RemoveEmptyEntries))
            {
                string[] pair = special.Split('=');
                TimeSpan? close = pair[1] == "closed" ? (TimeSpan?)null : TimeSpan.Parse(pair[1], CultureInfo.InvariantCulture);
                _primary.TradingHours.Closes[DateTime.Parse(pair[0], CultureInfo.InvariantCulture)] = close;
            }
            if (options.Period != null) _primary.BarsPeriod = options.Period;
            _broker = new Broker(_account, _primary.Instrument, options.Terms, options.Luck, options.BrokerFile);
        }

        /// <summary>An account with its own connection, in which nothing has been traded.</summary>
        public static Account AddAccount(string name, double cash, Provider provider)
        {
            var connection = new Connection { Options = new ConnectOptions { Name = provider == Provider.Provider1 ? "Live feed" : provider + "" } };
            var account = new Account { Name = name, Connection = connection, Provider = provider, AccountStatus = AccountStatus.Enabled };
            account.Value = item => item == AccountItem.CashValue ? cash : 0;
            lock (Account.All) Account.All.Add(account);
            return account;
        }

        /// <summary>The broker books money without a trade.</summary>
        public void Charge(double dollars)
        {
            lock (Sync)
            {
                Func<AccountItem, double> before = _account.Value;
                _account.Value = item => before(item) - (item == AccountItem.UnrealizedProfitLoss ? 0 : dollars);
            }
        }

        Bars Series(string root, string name)
        {
            var master = new MasterInstrument { Name = name, TickSize = _options.Terms.Tick, PointValue = _options.Terms.PointValue };
            var instrument = new Instrument { FullName = name + " " + _options.Month, MasterInstrument = master };
            Bars bars = _options.Invented > 0 && root == _options.Root
                ? Export.Invent(_options.Invented, instrument)
                : Export.Read(Path.Combine(_options.Data, root + "_Volumetric_1.csv"), instrument, _options.Volumetric);
            _all[root] = bars;
            return bars;
        }

        // --- the script's states -------------------------------------------------------------------------------------------------

        /// <summary>Loads the strategy as if it were enabled on a chart that ends before bar `next`.</summary>
        public void Load(int next)
        {
            if (_options.Signals != "")
            {
                LoadTrader(new SignalFileTrader(), Files, next);
                return;
            }
            if (_options.HttpPort > 0 || _options.HttpAddress != "")
            {
                LoadTrader(new TapewireHttp(), Http, next);
                return;
            }
            // NinjaTrader makes copies for its dialogs, which see SetDefaults and Terminated only.
            var copy = new TapewireBridge { Host = this };
            copy.Enter(State.SetDefaults);
            copy.Enter(State.Terminated);
            var bridge = new TapewireBridge { Host = this, Account = _account, PositionAccount = _broker.Position };
            bridge.Enter(State.SetDefaults);
            bridge.DaemonHost = _options.DaemonHost;
            bridge.BasePort = _options.BasePort;
            bridge.GraceMs = _options.GraceMs;
            bridge.HoldMs = _options.HoldMs;
            bridge.WithCross = _options.WithCross;
            bridge.LargestOrder = 1000;
            bridge.WithTicks = _options.WithTicks;
            bridge.TickWindowMs = _options.TickWindowMs;
            bridge.Folder = _options.Folder;
            _added.Clear();
            bridge.Enter(State.Configure);
            var series = new List<Bars> { _primary };
            series.AddRange(_added);
            bridge.BarsArray = series.ToArray();
            bridge.CurrentBars = new int[series.Count];
            bridge.Enter(State.DataLoaded);
            if (bridge.Transport == null && BarFeed.Refusal(_primary.BarsPeriod) == "") throw new InvalidOperationException("the bridge did not load: " + string.Join(" ", bridge.Printed));
            lock (Sync)
            {
                Script = Bridge = bridge;
                _broker.Strategy = bridge;
                ToRealtime(next);
            }
        }

        /// <summary>Loads a strategy that has nothing of the bridge.</summary>
        void LoadTrader(Strategy copy, Func<Strategy> made, int next)
        {
            copy.Host = this;
            copy.Enter(State.SetDefaults);
            copy.Enter(State.Terminated);
            Strategy trader = made();
            trader.Enter(State.Configure);
            trader.BarsArray = new[] { _primary };
            trader.CurrentBars = new int[1];
            trader.Enter(State.DataLoaded);
            lock (Sync)
            {
                Script = trader;
                _broker.Strategy = trader;
                ToRealtime(next);
            }
        }

        Strategy Files()
        {
            var trader = new SignalFileTrader { Host = this, Account = _account, PositionAccount = _broker.Position };
            trader.Enter(State.SetDefaults);
            trader.Folder = _options.Signals;
            trader.TradedAccount = _options.TradedAccount;
            return trader;
        }

        Strategy Http()
        {
            var trader = new TapewireHttp { Host = this, Account = _account, PositionAccount = _broker.Position };
            trader.Enter(State.SetDefaults);
            trader.Remote = _options.HttpAddress != "";
            trader.Port = _options.HttpPort;
            trader.Address = _options.HttpAddress;
            trader.Folder = _options.Folder;
            trader.History = _options.HttpHistory;
            trader.TradedAccount = _options.TradedAccount;
            trader.LargestOrder = _options.LargestOrder;
            trader.LevelsDate = _options.LevelsDate;
            trader.Levels = _options.Levels;
            return trader;
        }

        /// <summary>Loads the indicator as if it were added to a chart that ends before bar `next`.</summary>
        public void LoadIndicator(int next)
        {
            var indicator = new TapewireBars { Host = this, BarsArray = new[] { _primary }, CurrentBars = new int[1] };
            indicator.Enter(State.SetDefaults);
            indicator.DaemonHost = _options.DaemonHost;
            indicator.BasePort = _options.BasePort;
            indicator.Folder = _options.Folder;
            indicator.WithTicks = _options.WithTicks;
            indicator.TickWindowMs = _options.TickWindowMs;
            indicator.Enter(State.Configure);
            indicator.Enter(State.DataLoaded);
            lock (Sync)
            {
                Script = indicator;
                ToRealtime(next);
            }
        }

        /// <summary>Through history to real time.</summary>
        void ToRealtime(int next)
        {
            Script.Enter(State.Historical);
            for (int at = Math.Max(0, next - _options.Historical); at < next; at++) Update(at);
            Script.Enter(State.Transition);
            Script.Enter(State.Realtime);
        }

        /// <summary>As if the script were disabled or removed: its orders stay at the broker.</summary>
        public void Unload()
        {
            NinjaScriptBase script = Script;
            lock (Sync)
            {
                _broker.Strategy = null;
                Script = Bridge = null;
                _events.Clear();
            }
            script.Enter(State.Terminated);
        }

        public void Connected(ConnectionStatus status) { Bridge.Connected(new ConnectionStatusEventArgs { Status = status, PriceStatus = status }); }

        /// <summary>The broker's state, as words.</summary>
        public string Stands { get { lock (Sync) return _broker.Stands; } }

        // --- bars -------------------------------------------------------------------------------------------------------------------

        public DateTime Stamp(int at) { return _primary.GetTime(at); }

        /// <summary>The broker trades a bar, before the script sees it closed.</summary>
        public void Trade(int at)
        {
            lock (Sync)
            {
                _broker.OnBar(new TradedBar
                {
                    Opens = _primary.GetTime(at).AddMinutes(-1),
                    Closes = _primary.GetTime(at),
                    Open = _primary.GetOpen(at),
                    High = _primary.GetHigh(at),
                    Low = _primary.GetLow(at),
                    Close = _primary.GetClose(at),
                    Date = Export.TradeDate(_primary.GetTime(at)),
                }, at);
            }
        }

        /// <summary>A person trades in the account, at the last close.</summary>
        public void Foreign(int qty)
        {
            lock (Sync) _broker.Foreign(qty);
        }

        /// <summary>A person cancels stop and target.</summary>
        public void Strip()
        {
            lock (Sync) _broker.Strip();
        }

        public void Finish()
        {
            lock (Sync) _broker.Finish();
        }

        /// <summary>A trade in the minute of bar `at`, so many seconds after its begin, with the quote before it, as NinjaTrader tells of both.</summary>
        public void Print(int at, double seconds, double price, long size, double bid, double ask)
        {
            DateTime time = _primary.GetTime(at).AddMinutes(-1).AddSeconds(seconds);
            lock (Sync)
                foreach (MarketDataType type in new[] { MarketDataType.Bid, MarketDataType.Ask, MarketDataType.Last })
                    for (int series = 0; series < Script.BarsArray.Length; series++)
                        Script.Quote(series, new MarketDataEventArgs
                        {
                            Ask = ask, Bid = bid, Price = type == MarketDataType.Bid ? bid : type == MarketDataType.Ask ? ask : price, Volume = size,
                            Time = time, Instrument = _primary.Instrument, MarketDataType = type,
                        });
        }

        /// <summary>Closes the bar in every series that has it.</summary>
        public void Close(int at)
        {
            lock (Sync) Update(at);
        }

        void Update(int at)
        {
            DateTime stamp = _primary.GetTime(at);
            if (!_options.CrossFirst) Script.Bar(0, at);
            for (int series = 1; series < Script.BarsArray.Length; series++)
            {
                int index = Script.BarsArray[series].Times.BinarySearch(stamp);
                if (index >= 0) Script.Bar(series, index);
            }
            if (_options.CrossFirst) Script.Bar(0, at);
        }

        /// <summary>Runs the queued custom events, then waits a moment.</summary>
        public void Pump()
        {
            while (true)
            {
                Action next;
                lock (Sync)
                {
                    if (_events.Count == 0) break;
                    next = _events.Dequeue();
                    next();
                }
            }
            Thread.Sleep(1);
        }

        // --- IHost ---------------------------------------------------------------------------------------------------------------------

        void IHost.Add(NinjaScriptBase script, string instrument, bool volumetric)
        {
            string root = instrument.Split(' ')[0];
            _added.Add(_all.TryGetValue(root, out Bars bars) ? bars : Series(root, root));
        }

        void IHost.Trigger(NinjaScriptBase script, Action<object> action, object state)
        {
            if (script.State < State.DataLoaded || script.State >= State.Terminated) return; // NinjaTrader drops such events without a report
            if (!_options.Inline)
            {
                lock (Sync) _events.Enqueue(() => action(state));
                return;
            }
            lock (Sync) action(state);
        }

        Order IHost.Enter(Strategy strategy, OrderAction action, OrderType type, int quantity, double limit, string name)
        {
            lock (Sync) return _broker.Enter(action, type, quantity, limit, name);
        }

        Order IHost.Exit(Strategy strategy, OrderAction action, int quantity, string name, string fromEntry)
        {
            lock (Sync) return _broker.Exit(action, quantity, name, fromEntry);
        }

        void IHost.SetStop(Strategy strategy, string fromEntry, double value, bool ticks)
        {
            lock (Sync) _broker.SetStop(fromEntry, value, ticks);
        }

        void IHost.SetTarget(Strategy strategy, string fromEntry, double value, bool ticks)
        {
            lock (Sync) _broker.SetTarget(fromEntry, value, ticks);
        }
    }
}
