// What goes onto the bus, and what is resent of it.

using System;
using System.Collections.Generic;
using System.Diagnostics;

namespace Tapewire
{
    /// <summary>
    /// Publishes bars, alarms and beats. A bar is numbered when it comes. It goes out when the broker listens, when the gate has acknowledged every message before it (or the
    /// bar has been held long enough), and when the journal is not far behind. The last messages of every topic are kept for readers
    /// that lost some.
    ///
    /// Threads: the poller's only. Another thread may read BrokerListens.
    /// </summary>
    sealed class Publisher
    {
        const long Credit = 1024; // bars that may be out before the journal has them; the ring has four times as many
        const int CreditRepeatMs = 100; // between two requests to the journal when the credit is used up
        const int SameAlarmMs = 60000;
        const int MostAlarms = 1000; // that wait until messages can be numbered

        /// <summary>Bars that may wait: 47 days of minutes, some 20 MiB. Only tests change it.</summary>
        internal static int MostBars = 65536;

        /// <summary>A bar that has not gone out. AfterMessage: the last message to the gate before it.</summary>
        sealed class HeldBar
        {
            public IParticipant From;
            public string Topic;
            public Bar Bar;
            public long AfterMessage, SinceMs, HoldMs;
            public Lap Lap;
        }

        readonly IPoller _poller;
        readonly Numbering _numbering;
        readonly Journal _journal;
        readonly Charts _charts;
        readonly VenueLink _link;
        readonly Ticker _ticker;
        readonly long _startedNs = UnixTime.NowNs();
        readonly Ring _ring = new Ring();
        readonly Allowance _allowance = new Allowance();
        readonly Queue<HeldBar> _unnumbered = new Queue<HeldBar>(), _bars = new Queue<HeldBar>();
        readonly Queue<Alarm> _alarms = new Queue<Alarm>();
        readonly Dictionary<string, long> _lastSent = new Dictionary<string, long>();
        readonly Dictionary<string, long> _raisedMs = new Dictionary<string, long>();

        public Publisher(IPoller poller, Numbering numbering, Journal journal, Charts charts, VenueLink link, Ticker ticker)
        {
            _poller = poller;
            _numbering = numbering;
            _journal = journal;
            _charts = charts;
            _link = link;
            _ticker = ticker;
        }

        /// <summary>The broker has subscribed to us.</summary>
        public bool BrokerListens { get; private set; }

        public void Subscribed(bool listens) { BrokerListens = listens; }

        // --- bars -------------------------------------------------------------------------------------------------------------------

        /// <summary>Takes a bar, in the order of the bars.</summary>
        /// <param name="holdMs">How long it waits for the gate to acknowledge earlier messages.</param>
        public void Publish(IParticipant from, Bar bar, int holdMs)
        {
            var held = new HeldBar
            {
                From = from, Topic = TopicOf(bar), Bar = bar, SinceMs = _poller.NowMs, HoldMs = holdMs, AfterMessage = _link.LastMessage,
                Lap = Laps.Begin("bridge", bar.Instrument, bar.CloseNs),
            };
            if (_numbering.Ready) Number(held);
            else _unnumbered.Enqueue(held);
            if (_bars.Count + _unnumbered.Count > MostBars) Drop();
        }

        /// <summary>Drops the oldest bar. A bar that has its number leaves a hole in the bars' own numbers, and none in the topic's.</summary>
        void Drop()
        {
            (_bars.Count > 0 ? _bars : _unnumbered).Dequeue();
            _poller.Counters.Dropped++;
            _poller.Counters.Delivered();
            Raise("dropped", "more than " + MostBars + " bars wait for the broker or the journal; the oldest are dropped, and the heartbeat counts them");
        }

        /// <summary>Numbering has begun: numbers the bars, and sends the alarms, that were held until now.</summary>
        public void Number()
        {
            while (_alarms.Count > 0) Send(_alarms.Dequeue());
            while (_unnumbered.Count > 0) Number(_unnumbered.Dequeue());
        }

        /// <summary>
        /// Numbers a bar as it comes, although it may go out much later: the next one, of this chart or of another, counts from it. Skips a bar that
        /// the series has, or that a strategy's chart feeds.
        /// </summary>
        void Number(HeldBar held)
        {
            _numbering.Align(held.From, held.Topic, held.Bar);
            if (_numbering.Has(held.Topic, held.Bar) || _charts.FedByStrategy(held.From, held.Topic))
            {
                _poller.Counters.Skipped++;
                _poller.Counters.Delivered();
                return;
            }
            _numbering.Number(held.From, held.Topic, held.Bar);
            _bars.Enqueue(held);
        }

        /// <summary>Sends the bars that may go out, up to the first that may not.</summary>
        public void Flush()
        {
            while (_bars.Count > 0 && MayGo(_bars.Peek())) Send(_bars.Dequeue());
        }

        bool MayGo(HeldBar held)
        {
            if (!BrokerListens) return false;
            if (!_link.AcknowledgedUpTo(held.AfterMessage) && _poller.NowMs - held.SinceMs < held.HoldMs) return false;
            return HasCredit(held.Topic);
        }

        /// <summary>The journal is not far behind. Once half the credit is used, a request goes out how far it is.</summary>
        bool HasCredit(string topic)
        {
            _lastSent.TryGetValue(topic, out long sent);
            long ahead = sent - _journal.Last(topic);
            if (ahead < Credit / 2) return true;
            _journal.RequestLengths("credit", ahead < Credit ? Journal.RepeatMs : CreditRepeatMs);
            return ahead < Credit;
        }

        void Send(HeldBar held)
        {
            _poller.Counters.Delivered();
            Send(held.Topic, held.Bar, held.Bar.CloseNs);
            _poller.Counters.Bars++;
            if (held.Bar.Phase != "historical") _poller.Counters.Laps.Note(held.Lap);
        }

        static string TopicOf(Bar bar)
        {
            return "raw.bar." + bar.Instrument + "." + (bar.CloseNs - bar.OpenNs) / 60000000000 + "m.";
        }

        // --- alarms and beats ---------------------------------------------------------------------------------------------------------

        /// <summary>Publishes an alarm, which the journal keeps. The same text goes out at most once a minute.</summary>
        public void Raise(string name, string text)
        {
            long now = _poller.NowMs;
            if (_raisedMs.TryGetValue(text, out long last) && now - last < SameAlarmMs) return;
            if (_raisedMs.Count > 1000) _raisedMs.Clear();
            _raisedMs[text] = now;
            var alarm = new Alarm { Name = name, Text = text };
            if (_numbering.Ready)
            {
                Send(alarm);
                return;
            }
            _alarms.Enqueue(alarm);
            if (_alarms.Count <= MostAlarms) return;
            _alarms.Dequeue();
            _poller.Counters.Dropped++;
        }

        void Send(Alarm alarm) { Send("sys.alarm.nt.", alarm, UnixTime.NowNs()); }

        public void Beat()
        {
            var beat = new Beat { Name = Transport.Source, Pid = Process.GetCurrentProcess().Id, StartedNs = _startedNs, WallNs = UnixTime.NowNs() };
            beat.Note = _link.Note();
            beat.Last = _numbering.Bus.Numbers();
            beat.Received = _poller.Counters.Commands;
            beat.Sent = _poller.Counters.Sent;
            beat.Failed = _poller.Counters.Failed;
            beat.Queued = _poller.Counters.Waiting;
            beat.Dropped = _poller.Counters.Dropped;
            beat.Laps = _poller.Counters.Laps.Take();
            beat.Ticks = _ticker.Sent;
            beat.TicksLost = _ticker.Lost;
            _poller.Send(Peer.Bus, Wire.Topic("sys.beat.nt."), Wire.Encode(_numbering.Unnumbered(), beat));
        }

        // --- every numbered message -----------------------------------------------------------------------------------------------------

        void Send(string topic, Body body, long eventNs)
        {
            Header header = _numbering.Bus.Next(topic, eventNs, "");
            byte[] frame = Wire.Encode(header, body);
            _ring.Keep(topic, header.Seq, frame);
            _lastSent[topic] = header.Seq;
            if (_poller.Send(Peer.Bus, Wire.Topic(topic), frame)) _poller.Counters.Sent++;
            else _poller.Counters.Failed++; // it is kept, and a reader that misses it requests it
        }

        /// <summary>Sends messages of this epoch again that a reader has lost, within its allowance; ignores any other message.</summary>
        public void Receive(Message message)
        {
            var request = message.Body as Resend;
            if (request == null || !_numbering.Ready || request.OfEpoch != _numbering.Bus.Epoch) return;
            if (!_allowance.Take(message.Topic, Allowance.RequestCost, _poller.NowMs)) return; // an honest reader asks again
            foreach (byte[] frame in _ring.Again(request.Topic, request.First, request.Last))
            {
                if (!_allowance.Take(message.Topic, frame.Length + Allowance.MessageCost, _poller.NowMs)) return;
                _poller.Counters.Resent++;
                _poller.Send(Peer.Bus, Wire.Topic(request.Topic), frame);
            }
        }
    }
}
