// From NinjaTrader's series to messages: closed bars with order flow, the cross instruments beside them, times in UTC.
//
// NinjaTrader stamps bars at their close, in the zone of its general options, and calls for each series by itself: the primary first,
// then the added ones, as far as its documentation goes. So a bar of the primary is held until the others of its stamp have come, or
// have gone on without one, or a grace time is over. A series that has missed several bars is not waited for until it is back.
//
// Bars are read by their absolute number, never by bars ago: the latter turns history round.

using System;
using System.Collections.Generic;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.BarsTypes;

namespace Tapewire
{
    public sealed class BarFeed
    {
        public const int Patience = 3; // missing bars in a row, after which nobody waits for a series

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

        /// <param name="symbol">What the primary series is called on the wire.</param>
        /// <param name="cross">The added series in their order, by their names on the wire.</param>
        /// <param name="zone">NinjaTrader's display time zone, in which it stamps bars.</param>
        /// <param name="graceMs">How long a bar waits for the other series.</param>
        /// <param name="publish">Takes each bar once, in order. Called under this feed's lock, so it may not wait.</param>
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

        /// <summary>Close of the newest bar of the primary, UTC ns, and its number; 0 and -1 before the first.</summary>
        public long LastNs { get; private set; }
        public double LastClose { get; private set; }
        public long LastIndex { get; private set; } = -1;

        /// <summary>The newest bar came with order flow.</summary>
        public bool Flow { get; private set; }

        /// <summary>A bar of the primary has closed.</summary>
        /// <param name="position">As it stands at this moment; null means unknown, and nobody trades on unknown.</param>
        public void OnPrimary(Bars bars, int index, string phase, PositionReport position, long nowMs)
        {
            Bar bar = Read(bars, index);
            bar.Phase = phase;
            bar.Position = position;
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

        /// <summary>Lets a bar go whose grace is over.</summary>
        public void Tick(long nowMs)
        {
            lock (_lock)
                if (_held != null && nowMs - _heldMs >= _graceMs) Release();
        }

        /// <summary>Lets go what is held: nothing more will come.</summary>
        public void End()
        {
            lock (_lock) Release();
        }

        /// <summary>The close of the bar in which something happened, in UTC ns.</summary>
        public static long BarOf(Bars bars, long atNs)
        {
            long period = Minutes(bars.BarsPeriod) * 60000000000;
            return atNs / period * period + period;
        }

        /// <summary>The number of the bar with this close, or of the next one if the market was closed then.</summary>
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

        /// <summary>One closed bar as a message, without what stands beside it.</summary>
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
            if (bought == 0 && sold == 0 && bar.Volume > 0) return bar; // traded, but nobody knows on which side
            bar.AskVolume = bought;
            bar.BidVolume = sold;
            return bar;
        }

        /// <summary>
        /// A stamp of NinjaTrader's as UTC nanoseconds. The hour that a clock change repeats is read as its first pass.
        /// </summary>
        public long ToNs(DateTime stamp)
        {
            DateTime wall = DateTime.SpecifyKind(stamp, DateTimeKind.Unspecified);
            TimeSpan offset = _zone.GetUtcOffset(wall);
            if (_zone.IsAmbiguousTime(wall))
                foreach (TimeSpan each in _zone.GetAmbiguousTimeOffsets(wall))
                    if (each > offset) offset = each;
            return UnixTime.FromTicks(wall.Ticks - offset.Ticks);
        }

        /// <summary>What the bars of a chart are called when somebody asks for them.</summary>
        public string Chart(Bars bars) { return "chart." + _symbol + "." + Minutes(bars.BarsPeriod) + "m."; }

        public List<Bar> ReadAll(Bars bars, long start, int count)
        {
            var read = new List<Bar>(count);
            for (long at = start; at < start + count; at++) read.Add(Read(bars, (int)at));
            return read;
        }

        static long Minutes(BarsPeriod period)
        {
            if (period.BarsPeriodType == BarsPeriodType.Volumetric) return period.BaseBarsPeriodValue;
            if (period.BarsPeriodType == BarsPeriodType.Day) return 1440L * period.Value;
            return period.BarsPeriodType == BarsPeriodType.Minute ? period.Value : 1;
        }

        /// <summary>Every series that is waited for has this bar, or is past it.</summary>
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
