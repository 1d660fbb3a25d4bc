// What the parts of the transport need of it, so that none of them uses a socket or NetMQ itself.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;

namespace Tapewire
{
    /// <summary>What has passed, for the chart's corner and the tests.</summary>
    public sealed class Counters
    {
        public long Bars, Skipped, Messages, Commands, Repeats, Unreadable, Resent, Hellos, Faults;

        /// <summary>Bars, alarms and messages to the gate: that went out, each once; that found a socket's queue full, each once.</summary>
        public long Sent, Failed;

        /// <summary>Bars and alarms that were dropped, the oldest first, because too many waited. Never a message to the gate.</summary>
        public long Dropped;

        public readonly Laps Laps = new Laps();

        long _pending;

        /// <summary>Messages that the gate has not acknowledged, and bars that have not gone out. Any thread.</summary>
        public int Waiting { get { return (int)Interlocked.Read(ref _pending); } }

        /// <summary>A message or bar is on its way. Any thread.</summary>
        public void Queued() { Interlocked.Increment(ref _pending); }

        /// <summary>A message is acknowledged, or a bar has gone out, is skipped or dropped. Any thread.</summary>
        public void Delivered() { Interlocked.Decrement(ref _pending); }

        /// <summary>A line for the chart's corner.</summary>
        public override string ToString() { return "sent " + Sent + " failed " + Failed + " queued " + Waiting + " dropped " + Dropped; }
    }

    /// <summary>
    /// When our work for a bar or a command began and ended, until the next heartbeat tells it. Times are those of the performance counter: the clock
    /// of .NET Framework advances in steps of up to 16 ms. The poller's thread only.
    /// </summary>
    public sealed class Laps
    {
        public const int Most = 512; // between two heartbeats; of more the newest are told

        readonly Queue<Lap> _laps = new Queue<Lap>();

        public static Lap Begin(string stage, string instrument, long barNs)
        {
            return new Lap { Stage = stage, Instrument = instrument, BarNs = barNs, InNs = Stopwatch.GetTimestamp() };
        }

        /// <summary>The work is done.</summary>
        public void Note(Lap lap)
        {
            if (_laps.Count == Most) _laps.Dequeue();
            lap.OutNs = Stopwatch.GetTimestamp();
            _laps.Enqueue(lap);
        }

        /// <summary>Those since the last call, in UTC.</summary>
        public List<Lap> Take()
        {
            var laps = new List<Lap>(_laps);
            _laps.Clear();
            long now = Stopwatch.GetTimestamp(), nowNs = UnixTime.NowNs();
            foreach (Lap lap in laps)
            {
                lap.InNs = nowNs - Ns(now - lap.InNs);
                lap.OutNs = nowNs - Ns(now - lap.OutNs);
            }
            return laps;
        }

        static long Ns(long counted) { return (long)(counted * (1e9 / Stopwatch.Frequency)); }
    }

    /// <summary>Who is at the other end of a socket.</summary>
    enum Peer { Bus, Ticks, Gate, Journal, Requester }

    /// <summary>
    /// What the transport's parts need of it. The poller's thread only, except NowMs and Enqueue, which any thread may call.
    /// </summary>
    interface IPoller
    {
        /// <summary>Monotonic, in milliseconds.</summary>
        long NowMs { get; }

        Counters Counters { get; }

        /// <summary>Runs work later, on the poller's thread.</summary>
        void Enqueue(Action work);

        /// <summary>Runs a handler, which may throw: a Refusal becomes an alarm, any other exception a fault that stops entries.</summary>
        void Guard(Action handler);

        /// <summary>Counts a message that cannot be read; the first of its kind raises an alarm. `where`: "on the venue link".</summary>
        void Refused(Refusal refusal, string where);

        /// <summary>Publishes an alarm.</summary>
        void Raise(string name, string text);

        /// <summary>Sends a topic and a frame. False if the socket's queue is full.</summary>
        bool Send(Peer to, byte[] topic, byte[] frame);
    }
}
