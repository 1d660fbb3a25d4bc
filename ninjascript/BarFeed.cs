// NinjaTrader's series as messages: closed bars with order flow, with the bars of the cross instruments, in UTC.

using System;
using System.Collections.Generic;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.BarsTypes;

namespace Tapewire
{
    /// <summary>
    /// Joins the bars of the chart's series. NinjaTrader stamps a bar at its close, in the time zone of its general options, and calls for each
    /// series separately: the primary first, then the added series, by its documentation. So a bar of the primary is held until every
    /// added series has the bar of this stamp or a later one, or until a grace time is over. A series that has missed several bars is not
    /// waited for until it has a bar again.
    ///
    /// Threads: any. One lock guards what is held; `publish` is called under it.
    /// </summary>
    public sealed class BarFeed
    {
        public const int Patience = 3; // missing bars in a row, after which a series is not waited for

        readonly object _lock = new object();
        readonly string _symbol;
        readonly string[] _cross;
        readonly TimeZoneInfo _zone;
        readonly int _graceMs;
        readonly Action<Bar> _publish;
        readonly long[] _lastNs;
        readonly CrossBar[] _last;
        readonly int[] _missed;
        Bar _held;
        long _heldMs;

        /// <param name="symbol">The primary series' name on the wire.</param>
        /// <param name="cross">The names of the added series on the wire, in order.</param>
        /// <param name="zone">NinjaTrader's display time zone, in which it stamps bars.</param>
        /// <param name="graceMs">How long a bar waits for the other series.</param>
        /// <param name="publish">Receives each bar once, in order. Called under the lock, so it may not wait.</param>
        public BarFeed(string symbol, string[] cross, TimeZoneInfo zone, int graceMs, Action<Bar> publish)
        {
            _symbol = symbol;
            _cross = cross;
            _zone = zone;
            _graceMs = graceMs;
            _publish = publish;
            _lastNs = new long[cross.Length];
            _last = new CrossBar[cross.Length];
            _missed = new int[cross.Length];
        }

        /// <summary>The newest bar of the primary: close time (UTC, ns), close price, number; 0, 0 and -1 before the first.</summary>
        public long LastNs { get; private set; }
        public double LastClose { get; private set; }
        public long LastIndex { get; private set; } = -1;

        /// <summary>The newest bar has order flow.</summary>
        public bool Flow { get; private set; }

        /// <summary>The trades of the primary, if the chart sends them; null if not. It knows how often a bar's price has moved.</summary>
        public TickFeed Ticks;

        /// <summary>A bar of the primary has closed.</summary>
        /// <param name="position">The account's position now; null if it is not known, and no strategy trades on such a bar.</param>
        public void OnPrimary(Bars bars, int index, string phase, PositionReport position, long nowMs)
        {
            Bar bar = Read(bars, index);
            bar.Phase = phase;
            bar.Position = position;
            Ticks?.Tell(bar);
            lock (_lock)
            {
                Release();
                LastNs = bar.CloseNs;
                LastClose = bar.Close;
                LastIndex = bar.Index;
                Flow = bar.AskVolume != null;
                _held = bar;
                _heldMs = nowMs;
                if (Complete()) Release();
            }
        }

        /// <summary>A bar of the added series number `at` (from 0) has closed.</summary>
        public void OnCross(int at, Bars bars, int index)
        {
            Bar bar = Read(bars, index);
            lock (_lock)
            {
                _lastNs[at] = bar.CloseNs;
                _missed[at] = 0;
                _last[at] = new CrossBar
                {
                    Instrument = _cross[at],
                    Open = bar.Open,
                    High = bar.High,
                    Low = bar.Low,
                    Close = bar.Close,
                    Volume = bar.Volume,
                    AskVolume = bar.AskVolume,
                    BidVolume = bar.BidVolume,
                };
                if (_held != null && Complete()) Release();
            }
        }

        /// <summary>Publishes a held bar whose grace time is over.</summary>
        public void Tick(long nowMs)
        {
            lock (_lock)
                if (_held != null && nowMs - _heldMs >= _graceMs) Release();
        }

        /// <summary>Publishes a held bar, because no other series will follow.</summary>
        public void End()
        {
            lock (_lock) Release();
        }

        /// <summary>The close (UTC, ns) of the bar that contains a time.</summary>
        public static long BarOf(Bars bars, long atNs)
        {
            long period = Minutes(bars.BarsPeriod) * 60000000000;
            return atNs / period * period + period;
        }

        /// <summary>The number of the bar with this close, or of the next bar if the market was closed then.</summary>
        public long IndexOf(Bars bars, long closeNs)
        {
            int from = 0, to = bars.Count;
            while (from < to)
            {
                int at = (from + to) / 2;
                if (ToNs(bars.GetTime(at)) < closeNs) from = at + 1;
                else to = at;
            }
            return from;
        }

        /// <summary>
        /// One closed bar as a message, without cross instruments, phase and position. It is read by its absolute number: bars ago
        /// count back from the newest bar and would reverse history.
        /// </summary>
        public Bar Read(Bars bars, int index)
        {
            long closeNs = ToNs(bars.GetTime(index));
            var bar = new Bar
            {
                Instrument = _symbol,
                OpenNs = closeNs - Minutes(bars.BarsPeriod) * 60000000000,
                CloseNs = closeNs,
                Open = bars.GetOpen(index),
                High = bars.GetHigh(index),
                Low = bars.GetLow(index),
                Close = bars.GetClose(index),
                Volume = bars.GetVolume(index),
                Index = index,
            };
            var volumetric = bars.BarsType as VolumetricBarsType;
            if (volumetric == null) return bar;
            long bought = volumetric.Volumes[index].TotalBuyingVolume, sold = volumetric.Volumes[index].TotalSellingVolume;
            if (bought == 0 && sold == 0 && bar.Volume > 0) return bar; // traded, but the provider does not say on which side
            bar.AskVolume = bought;
            bar.BidVolume = sold;
            bar.Delta = volumetric.Volumes[index].BarDelta;
            return bar;
        }

        /// <summary>A stamp of NinjaTrader's as UTC nanoseconds. In the hour that a clock change repeats, the first pass counts.</summary>
        public long ToNs(DateTime stamp)
        {
            DateTime wall = DateTime.SpecifyKind(stamp, DateTimeKind.Unspecified);
            TimeSpan offset = _zone.GetUtcOffset(wall);
            if (_zone.IsAmbiguousTime(wall))
                foreach (TimeSpan each in _zone.GetAmbiguousTimeOffsets(wall))
                    if (each > offset) offset = each;
            return UnixTime.FromTicks(wall.Ticks - offset.Ticks);
        }

        /// <summary>The topic of a chart's bars for requests.</summary>
        public string Chart(Bars bars) { return "chart." + _symbol + "." + Minutes(bars.BarsPeriod) + "m."; }

        /// <summary>`count` closed bars from number `start` on.</summary>
        public List<Bar> ReadAll(Bars bars, long start, int count)
        {
            var read = new List<Bar>(count);
            for (long at = start; at < start + count; at++) read.Add(Read(bars, (int)at));
            return read;
        }

        /// <summary>Why a chart's bars are not sent, and what to do; empty for one-minute bars.</summary>
        public static string Refusal(BarsPeriod period)
        {
            if (Minutes(period) == 1) return "";
            bool volumetric = period.BarsPeriodType == BarsPeriodType.Volumetric;
            string shows = volumetric
                ? period.BaseBarsPeriodValue + " " + period.BaseBarsPeriodType + ", volumetric"
                : period.Value + " " + period.BarsPeriodType;
            return "this chart's bars are not one-minute (" + shows + "), so none is sent: Data Series > Order Flow Volumetric or Minute, Value 1";
        }

        /// <summary>The length of a bar; 0 for bars that have none: tick, volume, range and others.</summary>
        public static long Minutes(BarsPeriod period)
        {
            bool volumetric = period.BarsPeriodType == BarsPeriodType.Volumetric;
            BarsPeriodType type = volumetric ? period.BaseBarsPeriodType : period.BarsPeriodType;
            int value = volumetric ? period.BaseBarsPeriodValue : period.Value;
            return type == BarsPeriodType.Minute ? value : type == BarsPeriodType.Day ? 1440L * value : 0;
        }

        /// <summary>Every series that is waited for has this bar or a later one.</summary>
        bool Complete()
        {
            for (int at = 0; at < _cross.Length; at++)
                if (_lastNs[at] < _held.CloseNs && _missed[at] < Patience) return false;
            return true;
        }

        void Release()
        {
            if (_held == null) return;
            for (int at = 0; at < _cross.Length; at++)
                if (_lastNs[at] == _held.CloseNs) _held.Cross.Add(_last[at]);
                else if (_lastNs[at] < _held.CloseNs) _missed[at]++;
            Bar bar = _held;
            _held = null;
            _publish(bar);
        }
    }
}
