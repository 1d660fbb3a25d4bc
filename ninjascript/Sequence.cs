// Numbers, and what follows from them. The writer's half: Stamper, Ring, Outbox. The reader's half: Inbox. No socket, no clock: now is
// a monotonic reading in milliseconds that the caller brings along. (bus/PROTOCOL.md, sections 4 to 6; bus/ring.py and
// bus/outbox.py are the same ideas on the other side.)

using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>Makes headers for one source in one epoch: one counter per topic, so that a name is unique and a hole shows.</summary>
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

    /// <summary>The last frames of every topic, so that a reader with a hole can have them again. As many as bus.ring.</summary>
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

        /// <summary>Those of the numbers first to last (inclusive) that are still here, oldest first.</summary>
        public IEnumerable<byte[]> Again(string topic, long first, long last)
        {
            if (!_frames.TryGetValue(topic, out byte[][] frames)) yield break;
            long end = System.Math.Min(last, _last[topic]);
            for (long seq = System.Math.Max(first, System.Math.Max(1, _last[topic] - Size + 1)); seq <= end; seq++)
                yield return frames[seq % Size];
        }
    }

    /// <summary>
    /// What has been said on the link and not been acknowledged: said again after 250 ms, 500 ms, 1 s, and then every 2 s. Gives up
    /// nothing.
    /// </summary>
    public sealed class Outbox
    {
        const long FirstMs = 250, CapMs = 2000;

        sealed class Waiting
        {
            public byte[] Topic, Frame;
            public long DueMs, WaitMs, Number;
        }

        readonly Dictionary<string, Waiting> _byRef = new Dictionary<string, Waiting>();
        readonly List<Waiting> _inOrder = new List<Waiting>();
        long _number;

        public int Count { get { return _inOrder.Count; } }

        /// <summary>Take charge of a message. Returns its number, which DoneUpTo can be asked about.</summary>
        public long Put(string reference, byte[] topic, byte[] frame, long nowMs)
        {
            var waiting = new Waiting { Topic = topic, Frame = frame, DueMs = nowMs, WaitMs = FirstMs, Number = ++_number };
            _byRef[reference] = waiting;
            _inOrder.Add(waiting);
            return _number;
        }

        /// <summary>The other side owns it. False for a second acknowledgement.</summary>
        public bool Done(string reference)
        {
            if (!_byRef.TryGetValue(reference, out Waiting waiting)) return false;
            _byRef.Remove(reference);
            _inOrder.Remove(waiting);
            return true;
        }

        /// <summary>Whether everything up to this number is acknowledged.</summary>
        public bool DoneUpTo(long number) { return _inOrder.Count == 0 || _inOrder[0].Number > number; }

        /// <summary>What to send now, in the order in which it was put, until `send` says no; the rest stays due.</summary>
        public void Due(long nowMs, System.Func<byte[], byte[], bool> send)
        {
            foreach (Waiting waiting in _inOrder)
            {
                if (waiting.DueMs > nowMs) continue;
                if (!send(waiting.Topic, waiting.Frame)) return;
                waiting.DueMs = nowMs + waiting.WaitMs;
                waiting.WaitMs = System.Math.Min(2 * waiting.WaitMs, CapMs);
            }
        }

        /// <summary>The link was torn and is back: everything is due at once.</summary>
        public void Hurry(long nowMs)
        {
            foreach (Waiting waiting in _inOrder)
            {
                waiting.DueMs = nowMs;
                waiting.WaitMs = FirstMs;
            }
        }
    }

    /// <summary>
    /// Commands of one topic in the order of their numbers. The gate repeats what is not acknowledged, so a hole needs no asking: it
    /// fills. Ids make the effect happen once; order is all that is kept here.
    ///
    /// Where we start is the first number we see, or the one after the last that we took in an earlier life. A lower number is not
    /// held against its writer, and neither is another epoch: a gate whose log is new counts from 1 again, and what it says is news.
    /// </summary>
    public sealed class Inbox
    {
        readonly SortedDictionary<long, Message> _held = new SortedDictionary<long, Message>();
        long _epoch, _next;

        /// <summary>Go on behind this number.</summary>
        public void Prime(long epoch, long seq)
        {
            _epoch = epoch;
            _next = seq + 1;
        }

        /// <summary>The messages that can be taken now, in their order; none behind a hole.</summary>
        public List<Message> Admit(Message message)
        {
            var ready = new List<Message>();
            Header header = message.Header;
            if (header.Epoch != _epoch || _next == 0)
            {
                _held.Clear();
                _epoch = header.Epoch;
                _next = header.Seq;
            }
            if (header.Seq < _next)
            {
                ready.Add(message);
                return ready;
            }
            _held[header.Seq] = message;
            while (_held.TryGetValue(_next, out Message next))
            {
                _held.Remove(_next++);
                ready.Add(next);
            }
            return ready;
        }
    }
}
