// NinjaTrader's last trades as messages: each by itself, or those of a window summed up.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>
    /// Sums up the trades of one instrument. With a window of 0 ms each trade is a message. Otherwise the first trade opens a window, and
    /// the message has the last trade of it, its highest and lowest price, and the sum of its volume; so there are at most as many
    /// messages as windows. Bought is what traded at the ask or above, sold what traded at the bid or below; between the two, and without a
    /// quote, nobody knows.
    ///
    /// Up and down ticks are counted for the minute's bars as well: a bar has them if every trade of its minute was seen.
    ///
    /// Threads: any. One lock guards what is held; `send` is called under it.
    /// </summary>
    public sealed class TickFeed
    {
        const long MinuteNs = 60000000000;
        const int MinutesKept = 5; // a bar closes within seconds after its minute

        readonly object _lock = new object();
        readonly string _symbol;
        readonly int _windowMs;
        readonly Action<Tick> _send;
        readonly SortedDictionary<long, long[]> _minutes = new SortedDictionary<long, long[]>(); // by the close: up ticks, down ticks
        Tick _window;
        long _openedMs;
        double _last;
        long _sinceNs; // every trade from here on was seen; 0 before the first

        /// <param name="windowMs">How long trades are summed up; 0: each is sent.</param>
        /// <param name="send">Receives the messages in order. Called under the lock, so it may not wait.</param>
        public TickFeed(string symbol, int windowMs, Action<Tick> send)
        {
            _symbol = symbol;
            _windowMs = windowMs;
            _send = send;
        }

        /// <summary>A trade has happened. Bid and ask as NinjaTrader has them, also where it has none.</summary>
        public void OnTrade(long atNs, double price, long size, double bid, double ask, long nowMs)
        {
            if (!Known(price) || size < 0) return;
            lock (_lock)
            {
                int moved = _sinceNs == 0 ? 0 : Math.Sign(price - _last);
                if (_sinceNs == 0) _sinceNs = atNs;
                _last = price;
                Count(atNs, moved);
                if (_window != null && nowMs - _openedMs >= _windowMs) Release();
                if (_window == null)
                {
                    _window = Single(atNs, price, size, bid, ask, moved);
                    _openedMs = nowMs;
                }
                else Add(Single(atNs, price, size, bid, ask, moved));
                if (_windowMs == 0) Release();
            }
        }

        /// <summary>Sends a window whose time is over.</summary>
        public void Tick(long nowMs)
        {
            lock (_lock)
                if (_window != null && nowMs - _openedMs >= _windowMs) Release();
        }

        /// <summary>Trades may have been missed: NinjaTrader's connection was lost.</summary>
        public void Interrupt()
        {
            lock (_lock)
            {
                if (_window != null) Release();
                _sinceNs = 0;
                _minutes.Clear();
            }
        }

        /// <summary>Tells a minute's bar how often its price has moved, if that is known.</summary>
        public void Tell(Bar bar)
        {
            lock (_lock)
            {
                if (_sinceNs == 0 || _sinceNs > bar.OpenNs || bar.CloseNs - bar.OpenNs != MinuteNs) return;
                bool traded = _minutes.TryGetValue(bar.CloseNs, out long[] counts);
                bar.UpTicks = traded ? counts[0] : 0;
                bar.DownTicks = traded ? counts[1] : 0;
            }
        }

        /// <summary>A trade at a full minute belongs to the bar that begins then.</summary>
        void Count(long atNs, int moved)
        {
            long closeNs = (atNs / MinuteNs + 1) * MinuteNs;
            if (!_minutes.TryGetValue(closeNs, out long[] counts))
            {
                _minutes[closeNs] = counts = new long[2];
                while (_minutes.Count > MinutesKept) _minutes.Remove(First());
            }
            if (moved > 0) counts[0]++;
            else if (moved < 0) counts[1]++;
        }

        long First()
        {
            foreach (long closeNs in _minutes.Keys) return closeNs;
            return 0;
        }

        Tick Single(long atNs, double price, long size, double bid, double ask, int moved)
        {
            var tick = new Tick { Instrument = _symbol, AtNs = atNs, Price = price, Size = size, UpTicks = moved > 0 ? 1 : 0, DownTicks = moved < 0 ? 1 : 0 };
            if (!Known(bid) || !Known(ask) || bid == 0 && ask == 0) return tick;
            tick.Bid = bid;
            tick.Ask = ask;
            bool bought = price >= ask, sold = price <= bid;
            tick.AskVolume = bought && !sold ? size : 0;
            tick.BidVolume = sold && !bought ? size : 0;
            return tick;
        }

        void Add(Tick trade)
        {
            if (_window.Trades == 1) _window.Open = _window.High = _window.Low = _window.Price;
            _window.Trades++;
            _window.AtNs = Math.Max(_window.AtNs, trade.AtNs);
            _window.Price = trade.Price;
            _window.High = Math.Max((double)_window.High, trade.Price);
            _window.Low = Math.Min((double)_window.Low, trade.Price);
            _window.Size += trade.Size;
            _window.Bid = trade.Bid;
            _window.Ask = trade.Ask;
            _window.AskVolume += trade.AskVolume; // null if it is null in one of the two
            _window.BidVolume += trade.BidVolume;
            _window.UpTicks += trade.UpTicks;
            _window.DownTicks += trade.DownTicks;
        }

        void Release()
        {
            Tick done = _window;
            _window = null;
            _send(done);
        }

        static bool Known(double price) { return !double.IsNaN(price) && Math.Abs(price) <= Bounds.MaxPrice; }
    }
}
