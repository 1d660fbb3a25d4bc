// Numbers of everything that is sent: the epoch of this run, the sequence numbers of messages, and the bar numbers of a series.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>
    /// Finds out where to continue after a restart, then numbers messages and bars.
    ///
    /// Our epoch is one above every epoch that the journal or our own memory holds. Until the journal has answered, or has failed to answer in
    /// time, nothing can be numbered: work that needs a number waits here. A bar's number continues the journal's, although a chart that was
    /// opened again counts from its own first bar.
    ///
    /// Threads: the poller's only. Another thread may read Ready.
    /// </summary>
    sealed class Numbering
    {
        struct LastBar
        {
            public long CloseNs, Index;
            public bool IsBar;
        }

        readonly IPoller _poller;
        readonly Memory _memory;
        readonly Journal _journal;
        readonly int _historyMs;
        readonly Action _begun;
        readonly Queue<Action> _waiting = new Queue<Action>();
        readonly Dictionary<string, LastBar> _last = new Dictionary<string, LastBar>();
        readonly Dictionary<IParticipant, long> _shift = new Dictionary<IParticipant, long>();
        string _request = "";
        int _lastBarsMissing = -1;
        long _journalEpoch, _firstRequestMs;

        /// <param name="historyMs">How long to wait for the journal's answer.</param>
        /// <param name="begun">Called once, when the epoch is known and before work that waited for it.</param>
        public Numbering(IPoller poller, Memory memory, Journal journal, int historyMs, Action begun)
        {
            _poller = poller;
            _memory = memory;
            _journal = journal;
            _historyMs = historyMs;
            _begun = begun;
        }

        /// <summary>The numbers of messages on the bus; null until the epoch is known.</summary>
        public Stamper Bus { get; private set; }

        /// <summary>The numbers of messages on the venue link; null until the epoch is known.</summary>
        public Stamper Link { get; private set; }

        /// <summary>The epoch is known, so messages can be numbered.</summary>
        public bool Ready { get { return Bus != null; } }

        /// <summary>Runs now, or as soon as messages can be numbered.</summary>
        public void WhenReady(Action work)
        {
            if (Ready) work();
            else _waiting.Enqueue(work);
        }

        /// <summary>The header of a message that is not numbered: beat, acknowledgement, answer. Its sequence number is the clock.</summary>
        public Header Unnumbered() { return new Header(Transport.Source, Ready ? Bus.Epoch : 0, UnixTime.NowNs(), UnixTime.NowNs(), ""); }

        // --- the epoch --------------------------------------------------------------------------------------------------------------

        /// <summary>Asks the journal where it ends. Without an answer in time, our own memory decides.</summary>
        public void Resolve(long nowMs)
        {
            if (_firstRequestMs == 0) _firstRequestMs = nowMs;
            if (nowMs - _firstRequestMs > _historyMs) Begin(_journalEpoch);
            else _request = _journal.RequestLengths("topics", Journal.RepeatMs) ?? _request;
        }

        /// <summary>The journal's lengths: requests the last bar of each topic, then begins.</summary>
        /// <exception cref="Refusal">An epoch that no run has: ours would be above it.</exception>
        public void Receive(Topics topics)
        {
            if (Ready || topics.Id != _request) return;
            long epoch = 0;
            _lastBarsMissing = 0;
            foreach (TopicLength length in topics.Lengths) Bounds.CheckEpoch(length.Topic, length.Epoch, UnixTime.NowNs());
            foreach (TopicLength length in topics.Lengths)
            {
                epoch = Math.Max(epoch, length.Epoch);
                if (length.Records <= 0 || _last.ContainsKey(length.Topic)) continue;
                _lastBarsMissing++;
                _journal.RequestLast(length.Topic, length.Records);
            }
            _journalEpoch = epoch;
            if (_lastBarsMissing == 0) Begin(epoch);
        }

        /// <summary>The last bar of a topic.</summary>
        public void Receive(Page page)
        {
            if (Ready || page.Frames.Count == 0 || _last.ContainsKey(page.Topic)) return;
            var bar = Wire.Decode(Wire.Topic(page.Topic), page.Frames[page.Frames.Count - 1]).Body as Bar;
            _last[page.Topic] = bar == null ? new LastBar() : new LastBar { CloseNs = bar.CloseNs, Index = bar.Index, IsBar = true };
            if (--_lastBarsMissing == 0) Begin(_journalEpoch);
        }

        void Begin(long journalEpoch)
        {
            // Our memory is gone, but the journal has our messages. It need not hold every epoch that the gate has seen: seconds exceed them all.
            bool forgot = _memory.Epoch == 0 && journalEpoch > 0;
            long epoch = forgot ? UnixTime.NowNs() / 1000000000 : Math.Max(journalEpoch, _memory.Epoch) + 1;
            _memory.Begin(epoch);
            Link = new Stamper(Transport.Source, epoch);
            Bus = new Stamper(Transport.Source, epoch);
            _begun();
            while (_waiting.Count > 0) _poller.Guard(_waiting.Dequeue());
        }

        // --- bar numbers --------------------------------------------------------------------------------------------------------------

        /// <summary>
        /// Fixes the distance between a chart's own bar numbers and the series' numbers, at the chart's first bar that equals the last bar of
        /// the series or follows it.
        /// </summary>
        public void Align(IParticipant chart, string topic, Bar bar)
        {
            if (_shift.ContainsKey(chart) || !_last.TryGetValue(topic, out LastBar last) || !last.IsBar) return;
            if (bar.CloseNs == last.CloseNs) _shift[chart] = last.Index - bar.Index;
            else if (bar.CloseNs > last.CloseNs) _shift[chart] = last.Index + 1 - bar.Index;
        }

        /// <summary>What to add to a chart's bar number; 0 for a chart without a shift, or for none (null).</summary>
        public long Shift(IParticipant chart) { return chart != null && _shift.TryGetValue(chart, out long shift) ? shift : 0; }

        /// <summary>The series has this bar or a later one already.</summary>
        public bool Has(string topic, Bar bar) { return _last.TryGetValue(topic, out LastBar last) && bar.CloseNs <= last.CloseNs; }

        /// <summary>Gives a bar its number in the series, whose last bar it becomes. To be called as bars come, not as they go out.</summary>
        public void Number(IParticipant chart, string topic, Bar bar)
        {
            bar.Index += Shift(chart);
            _last[topic] = new LastBar { CloseNs = bar.CloseNs, Index = bar.Index, IsBar = true };
        }

        /// <summary>The chart has closed.</summary>
        public void Forget(IParticipant chart) { _shift.Remove(chart); }
    }
}
