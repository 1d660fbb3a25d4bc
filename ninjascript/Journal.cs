// The journal as seen from here: requests to the logger's history port, and how far the journal has our bars.

using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>
    /// Asks the logger how many messages of each bar topic the journal has. The answers say where numbering continues after a restart and
    /// how many bars may be sent ahead of the journal.
    ///
    /// Threads: the poller's only.
    /// </summary>
    sealed class Journal
    {
        public const int RepeatMs = 1000; // between two requests

        readonly IPoller _poller;
        readonly Dictionary<string, long> _last = new Dictionary<string, long>();
        long _requests, _nextMs;

        public Journal(IPoller poller) { _poller = poller; }

        /// <summary>Requests the length of every bar topic. Returns the request's id; null if it is too early for another request.</summary>
        /// <param name="kind">The first part of the id.</param>
        /// <param name="waitMs">How long no other request for lengths may follow.</param>
        public string RequestLengths(string kind, long waitMs)
        {
            long now = _poller.NowMs;
            if (now < _nextMs) return null;
            _nextMs = now + waitMs;
            string id = NextId(kind);
            Request(new TopicsRequest { Id = id, Prefix = "raw.bar." });
            return id;
        }

        /// <summary>Requests the last message of a topic that has this many.</summary>
        public void RequestLast(string topic, long records)
        {
            Request(new HistoryRequest { Id = NextId("last"), Topic = topic, Start = records - 1, Count = 1 });
        }

        /// <summary>Keeps the last numbers of our own epoch.</summary>
        public void Receive(Topics topics, long epoch)
        {
            foreach (TopicLength length in topics.Lengths)
                if (length.Epoch == epoch) _last[length.Topic] = length.Seq;
        }

        /// <summary>Number of the last message of a topic that the journal has confirmed in our epoch; 0 before the first.</summary>
        public long Last(string topic)
        {
            _last.TryGetValue(topic, out long last);
            return last;
        }

        string NextId(string kind) { return kind + "-" + ++_requests; }

        void Request(Body body) { _poller.Send(Peer.Journal, Wire.Topic("request."), Wire.Encode(new Header(Transport.Source, 0, 0, 0, ""), body)); }
    }
}
