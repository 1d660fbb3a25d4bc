// The charts that are open in this process: what the transport expects of one, which of them trade, and their bars on request.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>A chart that sends bars. The transport calls it on the poller's thread, so no method may wait.</summary>
    public interface IParticipant
    {
        /// <summary>Called about ten times a second.</summary>
        void Tick();

        /// <summary>The topic of the chart's bars, `chart.MNQ.1m.`; empty before there are bars. Bar numbers start at 0.</summary>
        string Chart { get; }

        long ChartLength { get; }

        /// <summary>Reads `count` bars of the chart and passes them to `give`, now or later, on any thread.</summary>
        void ReadChart(long start, int count, Action<List<Bar>> give);
    }

    /// <summary>A chart that also takes commands.</summary>
    public interface ITrader : IParticipant
    {
        string Instrument { get; }

        /// <summary>The chart as a hello describes it: its month, and its trading hours when it went live.</summary>
        VenueChart Described { get; }

        /// <summary>It has reached real time and takes commands.</summary>
        bool Trades { get; }

        /// <summary>Why it takes no entries now; empty if it takes them.</summary>
        string Stopped { get; }

        /// <summary>The close of the chart's last bar; 0 before the first.</summary>
        long LastNs { get; }

        /// <summary>The platform's accounts, in the order of their names.</summary>
        List<AccountFigures> Accounts();

        /// <summary>Carries out a command that is on disk and acknowledged. `repeat`: its id was taken before.</summary>
        void Command(Message message, bool repeat);

        /// <summary>Refuses a command of which only the id can be read.</summary>
        void Unreadable(Message message, string id, string why);

        /// <summary>The account's position and working orders now, for a hello.</summary>
        VenuePosition Snapshot(List<string> working, out string account, out long atNs);
    }

    /// <summary>
    /// The open charts, and the answers to requests for their bars (`tapewire backfill`). A request names the page that it wants, so the
    /// requester sets the pace.
    ///
    /// Threads: the poller's only. A chart may read its bars on a thread of NinjaTrader's; the page then returns through the queue.
    /// </summary>
    sealed class Charts
    {
        const int LongestPage = 200; // bars; a live bar waits for one page at most

        readonly IPoller _poller;
        readonly Numbering _numbering;
        readonly List<IParticipant> _open = new List<IParticipant>();

        public Charts(IPoller poller, Numbering numbering)
        {
            _poller = poller;
            _numbering = numbering;
        }

        public void Add(IParticipant chart) { _open.Add(chart); }

        public void Remove(IParticipant chart)
        {
            _open.Remove(chart);
            _numbering.Forget(chart);
        }

        public void Tick()
        {
            foreach (IParticipant chart in _open.ToArray()) _poller.Guard(chart.Tick);
        }

        /// <summary>The charts that take commands now.</summary>
        public List<ITrader> Traders()
        {
            var traders = new List<ITrader>();
            foreach (IParticipant each in _open)
                if (each is ITrader trader && trader.Trades) traders.Add(trader);
            return traders;
        }

        /// <summary>The strategy on an instrument, whether or not it takes commands yet; null if there is none.</summary>
        public IParticipant StrategyOn(string instrument) { return _open.Find(each => each is ITrader trader && trader.Instrument == instrument); }

        /// <summary>
        /// True if a strategy on another chart feeds this series. Of two charts of one series the strategy's is sent, because only its bars
        /// carry the position.
        /// </summary>
        public bool FedByStrategy(IParticipant from, string topic)
        {
            string chart = "chart." + topic.Substring("raw.bar.".Length);
            return !(from is ITrader) && _open.Exists(each => each is ITrader && each.Chart == chart);
        }

        /// <summary>Answers a request; ignores any other message.</summary>
        public void Receive(Message message)
        {
            if (message.Body is TopicsRequest topics) Reply(List(topics));
            else if (message.Body is HistoryRequest page) Read(page);
        }

        Topics List(TopicsRequest request)
        {
            var topics = new Topics { Id = request.Id };
            foreach (IParticipant each in _open)
            {
                string name = each.Chart;
                if (name == "" || !name.StartsWith(request.Prefix, StringComparison.Ordinal) || topics.Lengths.Exists(other => other.Topic == name)) continue;
                topics.Lengths.Add(new TopicLength { Topic = name, Records = each.ChartLength, Epoch = 1, Seq = each.ChartLength });
            }
            return topics;
        }

        void Read(HistoryRequest request)
        {
            IParticipant chart = _open.Find(each => each.Chart == request.Topic);
            var page = new Page { Id = request.Id, Topic = request.Topic, Start = request.Start };
            long end = chart == null ? 0 : chart.ChartLength;
            page.End = end;
            long count = Math.Min(Math.Min(request.Count, LongestPage), end - request.Start);
            if (count <= 0 || request.Start < 0) Reply(page);
            else chart.ReadChart(request.Start, (int)count, bars => _poller.Enqueue(() => Fill(page, bars)));
        }

        void Fill(Page page, List<Bar> bars)
        {
            foreach (Bar bar in bars) page.Frames.Add(Wire.Encode(new Header(Transport.Source, 1, bar.Index + 1, bar.CloseNs, ""), bar));
            Reply(page);
        }

        void Reply(Body answer) { _poller.Send(Peer.Requester, Wire.Topic("history."), Wire.Encode(_numbering.Unnumbered(), answer)); }
    }
}
