// The indicator for charts that only feed data: it sends closed bars, with order flow if the chart has it, and takes no orders.

#region Using declarations
using System;
using System.Collections.Generic;
using System.ComponentModel.DataAnnotations;
using System.IO;
using NinjaTrader.Core;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.DrawingTools;
#endregion

namespace NinjaTrader.NinjaScript.Indicators
{
    /// <summary>
    /// Connects NinjaTrader with the transport and the bar feed of one chart.
    ///
    /// Threads: NinjaTrader calls OnStateChange and OnBarUpdate on threads of its own, the transport calls IParticipant on its poller's thread.
    /// Bars on request are read, and text is drawn, in a custom event of NinjaTrader's.
    /// </summary>
    public class TapewireBars : Indicator, Tapewire.IParticipant
    {
        Tapewire.Transport _transport;
        Tapewire.BarFeed _feed;
        Tapewire.TickFeed _ticks; // null: the chart sends no trades
        string _instrument = "", _phase = "historical", _told = "", _refused = "";
        long _shownMs;
        bool _timed; // its bars have a length

        #region Settings
        [NinjaScriptProperty]
        [Display(Name = "Host", Order = 1, GroupName = "tapewire", Description = "IP address of the daemons; a name is resolved once only")]
        public string DaemonHost { get; set; }

        [NinjaScriptProperty]
        [Range(1024, 65000)]
        [Display(Name = "Base port", Order = 2, GroupName = "tapewire", Description = "bus.base_port of the daemons' configuration")]
        public int BasePort { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Symbol", Order = 3, GroupName = "tapewire", Description = "Name on the wire; empty: the instrument's own, such as NQ")]
        public string Symbol { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Folder", Order = 4, GroupName = "tapewire", Description = "Folder of bridge.txt and tapewire.key; empty: tapewire under NinjaTrader's user folder")]
        public string Folder { get; set; }

        [NinjaScriptProperty]
        [Display(Name = "Ticks", Order = 5, GroupName = "tapewire", Description = "Send last trades with bid and ask, on a chart of any bars")]
        public bool WithTicks { get; set; }

        [NinjaScriptProperty]
        [Range(0, 1000)]
        [Display(Name = "Tick window, ms", Order = 6, GroupName = "tapewire", Description = "Trades of so long are sent as one, with their volume summed; 0: each trade")]
        public int TickWindowMs { get; set; }
        #endregion

        protected override void OnStateChange()
        {
            switch (State)
            {
                case State.SetDefaults:
                    Name = "TapewireBars";
                    Description = "Sends closed bars to tapewire";
                    Calculate = Calculate.OnBarClose;
                    IsOverlay = true;
                    IsSuspendedWhileInactive = false;
                    DaemonHost = "127.0.0.1";
                    BasePort = 5550;
                    Symbol = "";
                    Folder = "";
                    WithTicks = false;
                    TickWindowMs = 100;
                    break;
                case State.DataLoaded:
                    Guard(Load);
                    break;
                case State.Realtime:
                    _phase = Cbi.Connection.PlaybackConnection != null ? "playback" : "realtime";
                    break;
                case State.Terminated:
                    Guard(Unload);
                    break;
            }
        }

        void Load()
        {
            _refused = Tapewire.BarFeed.Refusal(Bars.BarsPeriod);
            _timed = Tapewire.BarFeed.Minutes(Bars.BarsPeriod) > 0;
            if (_refused != "") Log("tapewire: " + _refused, Cbi.LogLevel.Error);
            if (!_timed && !WithTicks) return; // bars without a length; others are for `tapewire backfill`
            _instrument = Symbol == "" ? Instrument.MasterInstrument.Name : Symbol;
            string folder = Folder == "" ? Path.Combine(Globals.UserDataDir, "tapewire") : Folder;
            var settings = new Tapewire.TransportSettings { Host = DaemonHost, BasePort = BasePort, Folder = folder };
            TimeZoneInfo zone = Globals.GeneralOptions.TimeZoneInfo;
            Tapewire.Transport transport = Tapewire.Transport.Open(settings, this);
            _feed = new Tapewire.BarFeed(_instrument, new string[0], zone, 0, bar => Send(transport, bar));
            if (WithTicks)
            {
                _feed.Ticks = _ticks = new Tapewire.TickFeed(_instrument, TickWindowMs, transport.Publish);
                transport.BeginTicks();
            }
            _transport = transport; // the feed keeps it, and it ignores what comes after the end
        }

        void Send(Tapewire.Transport transport, Tapewire.Bar bar)
        {
            if (_refused == "") transport.Publish(this, bar, 0);
        }

        void Unload()
        {
            if (_transport == null) return; // a copy that never loaded
            _transport.Close(this);
            _transport = null;
        }

        protected override void OnBarUpdate()
        {
            Guard(() =>
            {
                Tapewire.Transport transport = _transport;
                if (transport == null && _refused != "") Draw.TextFixed(this, "tapewire", _refused, TextPosition.BottomRight);
                if (transport != null && _timed && BarsInProgress == 0) _feed.OnPrimary(Bars, CurrentBar, _phase, null, transport.NowMs);
            });
        }

        /// <summary>NinjaTrader calls it for quotes as well.</summary>
        protected override void OnMarketData(MarketDataEventArgs marketDataUpdate)
        {
            Tapewire.TickFeed ticks = _ticks;
            Tapewire.Transport transport = _transport;
            if (ticks == null || transport == null || State != State.Realtime || marketDataUpdate.MarketDataType != MarketDataType.Last) return;
            MarketDataEventArgs trade = marketDataUpdate;
            Guard(() => ticks.OnTrade(_feed.ToNs(trade.Time), trade.Price, trade.Volume, trade.Bid, trade.Ask, transport.NowMs));
        }

        protected override void OnConnectionStatusUpdate(Cbi.ConnectionStatusEventArgs connectionStatusUpdate)
        {
            if (connectionStatusUpdate.Status != Cbi.ConnectionStatus.Connected && _ticks != null) _ticks.Interrupt();
        }

        void Guard(Action action)
        {
            try
            {
                action();
            }
            catch (Exception error)
            {
                Print("tapewire: " + error);
                Tapewire.Transport transport = _transport;
                if (transport != null) transport.Raise("bridge_fault", error.GetType().Name + ": " + error.Message);
            }
        }

        /// <summary>Shows in the chart's other corner what has gone out, and there and in NinjaTrader's log why there is no connection.</summary>
        void Tapewire.IParticipant.Tick()
        {
            Tapewire.Transport transport = _transport;
            if (transport == null) return;
            if (_ticks != null) _ticks.Tick(transport.NowMs);
            string trouble = transport.Trouble;
            bool news = trouble != _told;
            if (!news && transport.NowMs - _shownMs < 1000) return;
            _told = trouble;
            _shownMs = transport.NowMs;
            if (news && trouble != "") Log("tapewire: " + trouble, Cbi.LogLevel.Error);
            string text = transport.Counters + (_ticks == null ? "" : " " + transport.Ticks) + (_refused == "" ? "" : "\n" + _refused) + (trouble == "" ? "" : "\n" + trouble);
            Later(() => Draw.TextFixed(this, "tapewire", text, TextPosition.BottomRight));
        }

        string Tapewire.IParticipant.Chart { get { return _feed == null || !_timed ? "" : _feed.Chart(Bars); } }

        long Tapewire.IParticipant.ChartLength { get { return _feed == null ? 0 : _feed.LastIndex + 1; } }

        void Tapewire.IParticipant.ReadChart(long start, int count, Action<List<Tapewire.Bar>> give)
        {
            Later(() => give(_feed.ReadAll(Bars, start, count)));
        }

        /// <summary>Runs in a custom event of NinjaTrader's.</summary>
        void Later(Action action) { Guard(() => TriggerCustomEvent(state => Guard(action), null)); }
    }
}
