// The last trades on their way to the daemons: a short queue of their own, dropped before anything else.

using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>
    /// Numbers trades as they come and sends them in small portions, so that a bar or a message to the gate that comes meanwhile waits for one
    /// portion at most. When too many wait, the oldest are dropped and counted; their numbers show every reader that they are missing.
    /// Nothing is kept, and nothing is sent again.
    ///
    /// Threads: Take and Lost any; the rest the poller's.
    /// </summary>
    sealed class Ticker
    {
        const int AtOnce = 64;

        /// <summary>Trades that may wait. Only tests change it.</summary>
        internal static int Most = 2048;

        struct Held
        {
            public string Topic;
            public long Seq;
            public Tick Tick;
        }

        readonly IPoller _poller;
        readonly Numbering _numbering;
        readonly object _lock = new object();
        readonly Dictionary<string, long> _last = new Dictionary<string, long>();
        readonly Queue<Held> _waiting = new Queue<Held>();
        bool _due;
        long _lost;

        public Ticker(IPoller poller, Numbering numbering)
        {
            _poller = poller;
            _numbering = numbering;
        }

        /// <summary>Trades that went out, in as many messages as NinjaTrader's windows made of them.</summary>
        public long Sent { get; private set; }

        /// <summary>Messages that were dropped here.</summary>
        public long Lost { get { lock (_lock) return _lost; } }

        /// <summary>Takes a trade, in the order of the trades of an instrument.</summary>
        public void Take(Tick tick)
        {
            string topic = "raw.tick." + tick.Instrument + ".";
            bool wake;
            lock (_lock)
            {
                _last.TryGetValue(topic, out long last);
                _last[topic] = last + 1;
                _waiting.Enqueue(new Held { Topic = topic, Seq = last + 1, Tick = tick });
                if (_waiting.Count > Most)
                {
                    _waiting.Dequeue();
                    _lost++;
                }
                wake = !_due;
                _due = true;
            }
            if (wake) _poller.Enqueue(Send);
        }

        void Send()
        {
            for (int count = 0; count < AtOnce; count++)
            {
                Held next;
                lock (_lock)
                {
                    if (!_numbering.Ready) // no epoch yet: a trade that is old when it goes out is worth nothing
                    {
                        _lost += _waiting.Count;
                        _waiting.Clear();
                    }
                    if (_waiting.Count == 0)
                    {
                        _due = false;
                        return;
                    }
                    next = _waiting.Dequeue();
                }
                var header = new Header(Transport.Source, _numbering.Bus.Epoch, next.Seq, next.Tick.AtNs, "");
                if (_poller.Send(Peer.Ticks, Wire.Topic(next.Topic), Wire.Encode(header, next.Tick))) Sent++;
                else
                    lock (_lock) _lost++;
            }
            _poller.Enqueue(Send); // the rest, behind what has come meanwhile
        }
    }
}
