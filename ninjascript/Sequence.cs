// Sequence numbers. For a writer: Stamper, Ring, Outbox. For a reader: Inbox. They use no socket and no clock: the caller passes the time, a
// monotonic reading in milliseconds. bus/PROTOCOL.md, sections 4 to 6, has the rules; bus/ring.py and bus/outbox.py are the Python
// counterparts.
//
// Threads: none of these classes is safe for several at once. The transport uses them on the poller's thread only.

using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>Makes the headers of one source in one epoch. One counter per topic makes a reference unique and shows a reader what it has lost.</summary>
    public sealed class Stamper
    {
        readonly string _source;
        readonly Dictionary<string, long> _last = new Dictionary<string, long>();

        public readonly long Epoch;

        public Stamper(string source, long epoch)
        {
            _source = source;
            Epoch = epoch;
        }

        /// <summary>The last number of every topic so far.</summary>
        public List<Numbered> Numbers()
        {
            var numbers = new List<Numbered>();
            foreach (KeyValuePair<string, long> last in _last) numbers.Add(new Numbered { Topic = last.Key, Epoch = Epoch, Seq = last.Value });
            return numbers;
        }

        public Header Next(string topic, long eventNs, string cause)
        {
            _last.TryGetValue(topic, out long seq);
            _last[topic] = ++seq;
            return new Header(_source, Epoch, seq, eventNs, cause);
        }
    }

    /// <summary>The last frames of every topic, for readers that have lost some. As many as in bus/ring.py.</summary>
    public sealed class Ring
    {
        public const int Size = 4096;

        readonly Dictionary<string, byte[][]> _frames = new Dictionary<string, byte[][]>();
        readonly Dictionary<string, long> _last = new Dictionary<string, long>();

        public void Keep(string topic, long seq, byte[] frame)
        {
            if (!_frames.TryGetValue(topic, out byte[][] frames)) _frames[topic] = frames = new byte[Size][];
            frames[seq % Size] = frame;
            _last[topic] = seq;
        }

        /// <summary>The frames numbered first to last (inclusive), oldest first, as far as they are kept.</summary>
        public IEnumerable<byte[]> Again(string topic, long first, long last)
        {
            if (!_frames.TryGetValue(topic, out byte[][] frames)) yield break;
            long end = System.Math.Min(last, _last[topic]);
            for (long seq = System.Math.Max(first, System.Math.Max(1, _last[topic] - Size + 1)); seq <= end; seq++)
                yield return frames[seq % Size];
        }
    }

    /// <summary>How much one reader may request again in a second. The numbers of bus/ring.py.</summary>
    public sealed class Allowance
    {
        public const int Bytes = 8 << 20, RequestCost = 16 << 10, MessageCost = 512, PeriodMs = 1000;

        readonly Dictionary<string, long> _spent = new Dictionary<string, long>();
        long _fromMs;

        /// <summary>Whether the asker has something left; if so, the cost is taken from it.</summary>
        public bool Take(string asker, int cost, long nowMs)
        {
            if (nowMs - _fromMs >= PeriodMs)
            {
                _fromMs = nowMs;
                _spent.Clear();
            }
            _spent.TryGetValue(asker, out long spent);
            if (spent >= Bytes) return false;
            _spent[asker] = spent + cost;
            return true;
        }
    }

    /// <summary>
    /// Messages on the link that are not acknowledged. Each is resent after 250 ms, 500 ms, 1 s, then every 2 s, without end. None is
    /// ever dropped: each is the word of an order, a fill or an account.
    /// </summary>
    public sealed class Outbox
    {
        const long FirstMs = 250, CapMs = 2000;

        sealed class Pending
        {
            public byte[] Topic, Frame;
            public long DueMs, WaitMs, Number;
            public bool Sent, Failed;
        }

        readonly Dictionary<string, Pending> _byRef = new Dictionary<string, Pending>();
        readonly List<Pending> _inOrder = new List<Pending>();
        readonly Counters _counters;
        long _number;

        public Outbox(Counters counters) { _counters = counters; }

        public int Count { get { return _inOrder.Count; } }

        /// <summary>Adds a message, which is due at once. Returns its number, for DoneUpTo.</summary>
        public long Put(string reference, byte[] topic, byte[] frame, long nowMs)
        {
            var pending = new Pending { Topic = topic, Frame = frame, DueMs = nowMs, WaitMs = FirstMs, Number = ++_number };
            _byRef[reference] = pending;
            _inOrder.Add(pending);
            return _number;
        }

        /// <summary>The other side has acknowledged it. False for a second acknowledgement.</summary>
        public bool Done(string reference)
        {
            if (!_byRef.TryGetValue(reference, out Pending pending)) return false;
            _byRef.Remove(reference);
            _inOrder.Remove(pending);
            return true;
        }

        /// <summary>True if every message up to this number is acknowledged.</summary>
        public bool DoneUpTo(long number) { return _inOrder.Count == 0 || _inOrder[0].Number > number; }

        /// <summary>Sends what is due, in the order of Put, until `send` returns false; the rest stays due.</summary>
        public void Due(long nowMs, System.Func<byte[], byte[], bool> send)
        {
            foreach (Pending pending in _inOrder)
            {
                if (pending.DueMs > nowMs) continue;
                bool sent = send(pending.Topic, pending.Frame);
                Mark(pending, sent);
                if (!sent) return;
                pending.DueMs = nowMs + pending.WaitMs;
                pending.WaitMs = System.Math.Min(2 * pending.WaitMs, CapMs);
            }
        }

        void Mark(Pending pending, bool sent)
        {
            if (sent && !pending.Sent) _counters.Sent++;
            if (!sent && !pending.Failed) _counters.Failed++;
            pending.Sent |= sent;
            pending.Failed |= !sent;
        }

        /// <summary>The link was interrupted: makes every message due at once.</summary>
        public void Hurry(long nowMs)
        {
            foreach (Pending pending in _inOrder)
            {
                pending.DueMs = nowMs;
                pending.WaitMs = FirstMs;
            }
        }
    }

    /// <summary>
    /// Puts the commands of one topic into the order of their numbers. A missing command is not requested: the gate resends what is not
    /// acknowledged. A command is carried out once because of its id; the inbox only keeps the order.
    ///
    /// It starts at the first number that arrives, or after the last command that an earlier run took. A lower number is admitted at
    /// once: it is a repeat, or a gate with a new log counts from 1 again. A new epoch starts anew.
    /// </summary>
    public sealed class Inbox
    {
        readonly SortedDictionary<long, Message> _early = new SortedDictionary<long, Message>();
        long _epoch, _next;

        /// <summary>Starts after this number.</summary>
        public void Prime(long epoch, long seq)
        {
            _epoch = epoch;
            _next = seq + 1;
        }

        /// <summary>The messages that can be taken now, in order; none after a missing number.</summary>
        /// <exception cref="Refusal">The number is too far above the last one. Nothing has changed.</exception>
        public List<Message> Admit(Message message)
        {
            var ready = new List<Message>();
            Header header = message.Header;
            Bounds.CheckJump(message.Topic, header.Epoch == _epoch && _next > 0 ? _next - 1 : 0, header.Seq);
            if (header.Epoch != _epoch || _next == 0)
            {
                _early.Clear();
                _epoch = header.Epoch;
                _next = header.Seq;
            }
            if (header.Seq < _next)
            {
                ready.Add(message);
                return ready;
            }
            _early[header.Seq] = message;
            while (_early.TryGetValue(_next, out Message next))
            {
                _early.Remove(_next++);
                ready.Add(next);
            }
            return ready;
        }
    }
}
