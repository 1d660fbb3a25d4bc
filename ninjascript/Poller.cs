// What the parts of the transport need of it, so that none of them uses a socket or NetMQ itself.

using System;
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

    /// <summary>Who is at the other end of a socket.</summary>
    enum Peer { Bus, Gate, Journal, Requester }

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
