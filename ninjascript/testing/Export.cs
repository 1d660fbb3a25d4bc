// NinjaTrader's volumetric exports as series, by those rules of replay/sources/volumetric.py that matter here: columns by name, a line that
// begins with # is a comment, repeated and late rows are skipped.

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using NinjaTrader.Cbi;
using NinjaTrader.Data;
using NinjaTrader.NinjaScript.BarsTypes;

namespace Tapewire.Testing
{
    public static class Export
    {
        static readonly string[] Needed = { "timestamp", "open", "high", "low", "close", "volume", "vol_ask", "vol_bid" };

        /// <summary>A volumetric one-minute series; an empty one if the file is missing.</summary>
        public static Bars Read(string path, Instrument instrument, bool volumetric)
        {
            var flow = new VolumetricBarsType();
            var bars = new Bars { Instrument = instrument };
            if (volumetric)
            {
                bars.BarsType = flow;
                bars.BarsPeriod.BarsPeriodType = BarsPeriodType.Volumetric;
            }
            if (!File.Exists(path)) return bars;
            int[] at = null;
            var last = DateTime.MinValue;
            foreach (string line in File.ReadLines(path))
            {
                if (line.StartsWith("#", StringComparison.Ordinal)) continue;
                string[] fields = line.Split(',');
                if (at == null)
                {
                    var names = new List<string>(fields);
                    at = Array.ConvertAll(Needed, name => names.IndexOf(name));
                    continue;
                }
                DateTime stamp = DateTime.ParseExact(fields[at[0]].Substring(0, 19), "yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture);
                if (stamp <= last) continue;
                last = stamp;
                bars.Times.Add(stamp);
                bars.Prices.Add(new[] { Number(fields[at[1]]), Number(fields[at[2]]), Number(fields[at[3]]), Number(fields[at[4]]) });
                bars.Volumes.Add((long)Number(fields[at[5]]));
                flow.Volumes.Add(new VolumetricData { TotalBuyingVolume = (long)Number(fields[at[6]]), TotalSellingVolume = (long)Number(fields[at[7]]) });
            }
            return bars;
        }

        /// <summary>A series of `count` invented minutes, for tests that depend on the count only.</summary>
        public static Bars Invent(int count, Instrument instrument)
        {
            var flow = new VolumetricBarsType();
            var bars = new Bars { Instrument = instrument, BarsType = flow };
            bars.BarsPeriod.BarsPeriodType = BarsPeriodType.Volumetric;
            var stamp = new DateTime(2023, 1, 2, 18, 0, 0);
            for (int at = 0; at < count; at++)
            {
                stamp = stamp.AddMinutes(1);
                if (stamp.TimeOfDay > new TimeSpan(17, 0, 0) && stamp.TimeOfDay <= new TimeSpan(18, 0, 0))
                    stamp = stamp.Date.AddDays(stamp.DayOfWeek == DayOfWeek.Friday ? 2 : 0).AddHours(18).AddMinutes(1);
                double close = 20000 + at % 997 * 0.25;
                bars.Times.Add(stamp);
                bars.Prices.Add(new[] { close, close + 1, close - 1, close });
                bars.Volumes.Add(100 + at % 7);
                flow.Volumes.Add(new VolumetricData { TotalBuyingVolume = 60, TotalSellingVolume = 40 + at % 7 });
            }
            return bars;
        }

        /// <summary>The trade date of a stamp: after 18:00 it is the next weekday.</summary>
        public static string TradeDate(DateTime stamp)
        {
            DateTime date = stamp.TimeOfDay > new TimeSpan(18, 0, 0) ? stamp.Date.AddDays(1) : stamp.Date;
            while (date.DayOfWeek == DayOfWeek.Saturday || date.DayOfWeek == DayOfWeek.Sunday) date = date.AddDays(1);
            return date.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);
        }

        static double Number(string text) { return double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture); }
    }
}
