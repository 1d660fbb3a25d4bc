// The one owner of NetMQ in this process, and the only file that knows it. One thread owns the sockets; everybody else enqueues.
//
//     XPUB   -> broker.in     bars, beats, alarms; the first one waits until the broker's subscription is seen
//     SUB    <- broker.out    requests to send again
//     DEALER <> venue         the link with the gate, as `nt`: commands and leases in, words out until they are acknowledged
//     DEALER <> history       how far the journal is: where to go on after a restart, and the credit for what is sent in bulk
//     DEALER <> backfill      a chart's bars, page by page, to whoever asks for them; the pages it has asked for are its credit
//
// Nothing is numbered before the epoch is known: one above any that the journal or our own memory has seen. Until then, and until the
// broker listens, everything waits in its queue.
//
// Every handler is guarded: an exception that left one would end NinjaTrader. What is caught is counted, said on the bus and stops
// entries. NetMQ is never cleaned up as a whole, because other scripts may use it; the last bridge to leave disposes poller, sockets
// and queue, in this order, on a thread of its own.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using System.Threading;
using NetMQ;
using NetMQ.Sockets;

namespace Tapewire
{
    /// <summary>A chart that sends bars. Its methods run on the transport's thread and may not wait.</summary>
    public interface IParticipant
    {
        /// <summary>About ten times a second.</summary>
        void Tick();

        /// <summary>What the chart's bars are called, `chart.MNQ.1m.`; empty before there are any. Numbers start at 0.</summary>
        string Chart { get; }

        long ChartLength { get; }

        /// <summary>Gives these bars of the chart, now or later, on any thread.</summary>
        void ReadChart(long start, int count, Action<List<Bar>> give);
    }

    /// <summary>A chart that takes commands as well.</summary>
    public interface ITrader : IParticipant
    {
        string Instrument { get; }

        /// <summary>It has reached real time and takes commands now.</summary>
        bool Trades { get; }

        /// <summary>Why it takes no entries now; empty if it does.</summary>
        string Stopped { get; }

        /// <summary>A command that is on our disk and acknowledged. `repeat`: its id was taken before.</summary>
        void Command(Message message, bool repeat);

        /// <summary>A command that cannot be read, of which only the id is known.</summary>
        void Unreadable(Message message, string id, string why);

        /// <summary>What stands in the account now, for a hello.</summary>
        VenuePosition Snapshot(List<string> working, out string account, out long atNs);
    }

    public sealed class TransportSettings
    {
        public string Host = "127.0.0.1";
        public int BasePort = 5550;

        /// <summary>Where our memory lies.</summary>
        public string Folder;

        /// <summary>How long to wait for the journal's word at the start, once the broker is there.</summary>
        public int HistoryMs = 5000;
    }

    /// <summary>What passed, for the chart's corner and the tests.</summary>
    public sealed class Counters
    {
        public long Bars, Skipped, Words, Commands, Repeats, Unreadable, Resent, Hellos, Faults;
    }

    public sealed class Transport
    {
        public const string Source = "nt", Version = "1";
        const int TickMs = 20, BeatMs = 1000, ParticipantMs = 100, AskMs = 1000;
        const long Credit = 1024; // bars that may be out before the journal has them; the ring has four times as many
        const int LongestPage = 200; // bars; a live bar waits for one page at most
        const int WishesHwm = 10000, FactsHwm = 20000;

        static readonly object Owners = new object();
        static readonly byte[] Empty = new byte[0];
        static Transport _one;

        sealed class HeldBar
        {
            public IParticipant From;
            public Bar Bar;
            public long Told, SinceMs, HoldMs;
        }

        readonly TransportSettings _settings;
        readonly Stopwatch _clock = Stopwatch.StartNew();
        readonly ThreadLocal<bool> _onPoller = new ThreadLocal<bool>();
        readonly long _startedNs = WallNs();
        readonly List<IParticipant> _participants = new List<IParticipant>();
        readonly Ring _ring = new Ring();
        readonly Outbox _outbox = new Outbox();
        readonly Dictionary<string, Inbox> _inboxes = new Dictionary<string, Inbox>();
        readonly Queue<HeldBar> _bars = new Queue<HeldBar>();
        readonly Queue<Action> _early = new Queue<Action>();
        readonly Dictionary<string, Action> _owned = new Dictionary<string, Action>();
        readonly Dictionary<string, long> _known = new Dictionary<string, long>();
        readonly Dictionary<string, long> _knownIndex = new Dictionary<string, long>();
        readonly Dictionary<IParticipant, long> _shift = new Dictionary<IParticipant, long>();
        readonly Dictionary<string, long> _journaled = new Dictionary<string, long>();
        readonly Dictionary<string, long> _said = new Dictionary<string, long>();
        readonly Dictionary<string, long> _complained = new Dictionary<string, long>();

        NetMQPoller _poller;
        NetMQQueue<Action> _work;
        XPublisherSocket _factsOut;
        SubscriberSocket _factsIn;
        DealerSocket _link, _history, _backfill;
        Stamper _facts, _words;
        Memory _memory;
        int _users;
        bool _heard;
        long _heardMs, _boot, _nextBeatMs, _nextParticipantMs, _nextAskMs, _asked, _told;
        string _wanted = "";
        int _lengthsLeft = -1;
        long _journalEpoch, _undelivered;
        bool _linked;
        long _leaseMs = -1;
        int _killed;
        string _fault = "";

        Transport(TransportSettings settings) { _settings = settings; }

        public readonly Counters Counters = new Counters();

        // --- owning ---------------------------------------------------------------------------------------------------------------

        /// <summary>Joins the process's transport, starting it if there is none. Each Open needs one Close.</summary>
        /// <exception cref="InvalidOperationException">It runs with another address or folder.</exception>
        /// <exception cref="System.IO.IOException">Our memory cannot be opened: another NinjaTrader uses it, or the folder is not ours.</exception>
        public static Transport Open(TransportSettings settings, IParticipant participant)
        {
            lock (Owners)
            {
                if (_one == null)
                {
                    var fresh = new Transport(settings);
                    try
                    {
                        fresh.Start();
                    }
                    catch
                    {
                        fresh.Dispose();
                        throw;
                    }
                    _one = fresh;
                }
                TransportSettings has = _one._settings;
                if (has.Host != settings.Host || has.BasePort != settings.BasePort || has.Folder != settings.Folder)
                    throw new InvalidOperationException(
                        "another tapewire script on this PC uses " + has.Host + ":" + has.BasePort + " and " + has.Folder + "; use the same");
                Transport one = _one;
                one._users++;
                one.Enqueue(() => one._participants.Add(participant));
                return one;
            }
        }

        /// <summary>Leaves. The last one to leave closes the sockets; what is under way has half a second to go out.</summary>
        public void Close(IParticipant participant)
        {
            lock (Owners)
            {
                Enqueue(() => Leave(participant));
                if (--_users > 0) return;
                if (_one == this) _one = null;
            }
            var closing = new Thread(Stop) { IsBackground = true, Name = "tapewire closing" };
            closing.Start();
            if (!_onPoller.Value) closing.Join(2000); // a poller cannot wait for its own end
        }

        void Start()
        {
            _memory = new Memory(System.IO.Path.Combine(_settings.Folder, "bridge.txt"));
            foreach (var last in _memory.Last())
            {
                _inboxes[last.Key] = new Inbox();
                _inboxes[last.Key].Prime(last.Value.Key, last.Value.Value);
            }
            _factsOut = new XPublisherSocket();
            _factsIn = new SubscriberSocket();
            _link = new DealerSocket();
            _history = new DealerSocket();
            _backfill = new DealerSocket();
            foreach (NetMQSocket socket in Sockets())
            {
                socket.Options.Linger = TimeSpan.FromMilliseconds(500);
                socket.Options.ReconnectInterval = TimeSpan.FromMilliseconds(50);
                socket.Options.ReconnectIntervalMax = TimeSpan.FromMilliseconds(500);
                socket.Options.TcpKeepalive = true;
            }
            _factsOut.Options.SendHighWatermark = FactsHwm;
            _factsIn.Options.ReceiveHighWatermark = FactsHwm;
            _link.Options.SendHighWatermark = WishesHwm;
            _link.Options.ReceiveHighWatermark = WishesHwm;
            _link.Options.Identity = Encoding.ASCII.GetBytes(Source);
            _backfill.Options.Identity = Encoding.ASCII.GetBytes(Source);
            _factsIn.Subscribe("sys.resend.");
            _work = new NetMQQueue<Action>();
            _poller = new NetMQPoller();
            _factsOut.ReceiveReady += (sender, e) => Guard(Subscribed);
            _factsIn.ReceiveReady += (sender, e) => Guard(FactsIn);
            _link.ReceiveReady += (sender, e) => Guard(Linked);
            _history.ReceiveReady += (sender, e) => Guard(Answered);
            _backfill.ReceiveReady += (sender, e) => Guard(Asked);
            _work.ReceiveReady += (sender, e) => Guard(Work);
            var timer = new NetMQTimer(TimeSpan.FromMilliseconds(TickMs));
            timer.Elapsed += (sender, e) => Guard(Tick);
            _poller.Add(_factsOut);
            _poller.Add(_factsIn);
            _poller.Add(_link);
            _poller.Add(_history);
            _poller.Add(_backfill);
            _poller.Add(_work);
            _poller.Add(timer);
            _factsOut.Connect(Address(0));
            _factsIn.Connect(Address(1));
            _history.Connect(Address(14));
            _backfill.Connect(Address(16));
            _poller.RunAsync();
        }

        /// <summary>Poller first, then sockets, then the queue; never on the poller's own thread, never under a lock.</summary>
        void Stop()
        {
            try
            {
                using (var flushed = new ManualResetEvent(false))
                {
                    Enqueue(() =>
                    {
                        Flush();
                        if (_facts != null) Beat();
                        flushed.Set();
                    });
                    flushed.WaitOne(500);
                }
            }
            catch (Exception error)
            {
                Fault(error);
            }
            try
            {
                _poller.Stop();
            }
            catch (Exception error)
            {
                Fault(error);
            }
            Dispose();
        }

        void Dispose()
        {
            foreach (IDisposable each in new IDisposable[] { _poller, _factsOut, _factsIn, _link, _history, _backfill, _work, _memory })
                try
                {
                    if (each != null) each.Dispose();
                }
                catch (Exception error)
                {
                    Fault(error);
                }
        }

        IEnumerable<NetMQSocket> Sockets() { return new NetMQSocket[] { _factsOut, _factsIn, _link, _history, _backfill }; }

        string Address(int offset) { return "tcp://" + _settings.Host + ":" + (_settings.BasePort + offset); }

        // --- for NinjaScript threads: nothing here waits -----------------------------------------------------------------------------

        public Memory Memory { get { return _memory; } }

        /// <summary>Monotonic, in milliseconds.</summary>
        public long NowMs { get { return _clock.ElapsedMilliseconds; } }

        /// <summary>Since the gate was last heard, in milliseconds; negative before the first time.</summary>
        public long LeaseAgeMs
        {
            get
            {
                long at = Interlocked.Read(ref _leaseMs);
                return at < 0 ? -1 : NowMs - at;
            }
        }

        /// <summary>The gate's kill switch as it last told us.</summary>
        public bool Killed { get { return _killed != 0; } }

        /// <summary>The first thing that went wrong inside; empty if nothing has.</summary>
        public string FaultText { get { return _fault; } }

        /// <summary>The broker has been seen listening.</summary>
        public bool Joined { get { return _heard; } }

        /// <summary>Words that the gate does not own yet, and bars that have not gone out.</summary>
        public int Undelivered { get { return (int)Interlocked.Read(ref _undelivered); } }

        /// <summary>Sends a bar, in the order of the bars.</summary>
        /// <param name="holdMs">How long it waits for the gate to own what was said before it.</param>
        public void Publish(IParticipant from, Bar bar, int holdMs)
        {
            Interlocked.Increment(ref _undelivered);
            Enqueue(() =>
            {
                var held = new HeldBar { From = from, Bar = bar, SinceMs = NowMs, HoldMs = holdMs, Told = _told };
                _bars.Enqueue(held);
                if (_facts != null) Align(held);
            });
        }

        /// <summary>Says a word to the gate until it owns it.</summary>
        public void Tell(string instrument, Body body, long eventNs, string cause, Action owned)
        {
            Interlocked.Increment(ref _undelivered);
            Enqueue(() => WhenKnown(() => Say("venue." + instrument + ".", body, eventNs, cause, owned)));
        }

        /// <summary>Something that a person should look at, for the bus and its journal. The same text at most once a minute.</summary>
        public void Raise(string name, string text) { Enqueue(() => Complain(name, text)); }

        /// <summary>Says what stands in the account: when a participant begins to trade, or when that may have changed otherwise than by fills.</summary>
        public void SayHello()
        {
            Enqueue(() =>
            {
                LinkAsNeeded();
                WhenKnown(Hello);
            });
        }

        void Enqueue(Action work)
        {
            try
            {
                _work.Enqueue(work);
            }
            catch (ObjectDisposedException) { } // a late word of a strategy that has ended
        }

        // --- the poller's thread from here on ------------------------------------------------------------------------------------------

        void Guard(Action handler)
        {
            try
            {
                if (!_onPoller.Value) _onPoller.Value = true;
                handler();
            }
            catch (Refusal refusal)
            {
                Refused(refusal, "in a message"); // theirs, not ours: entries go on
            }
            catch (Exception error)
            {
                Fault(error);
            }
        }

        void Refused(Refusal refusal, string where)
        {
            Counters.Unreadable++;
            Complain("unreadable", where + ": " + refusal.Message);
        }

        void Fault(Exception error)
        {
            Interlocked.Increment(ref Counters.Faults);
            string text = error.GetType().Name + ": " + error.Message;
            if (_fault == "") _fault = text;
            if (_facts == null || !_onPoller.Value) return;
            try
            {
                Complain("bridge_fault", text);
            }
            catch (Exception) { } // it is counted, and entries have stopped
        }

        void Work()
        {
            while (_work.TryDequeue(out Action work, TimeSpan.Zero)) Guard(work);
            Flush();
        }

        /// <summary>Runs now, or as soon as things can be numbered.</summary>
        void WhenKnown(Action work)
        {
            if (_facts == null) _early.Enqueue(work);
            else work();
        }

        void Tick()
        {
            long now = NowMs;
            if (_heard && _facts == null) Wake(now);
            Flush();
            if (_facts != null && now >= _nextBeatMs)
            {
                _nextBeatMs = now + BeatMs;
                Beat();
            }
            if (now < _nextParticipantMs) return;
            _nextParticipantMs = now + ParticipantMs;
            foreach (IParticipant participant in _participants.ToArray()) Guard(participant.Tick);
        }

        void Flush()
        {
            if (_facts == null) return;
            _outbox.Due(NowMs, (topic, frame) => _link.TrySendMultipartBytes(Empty, topic, frame));
            while (_bars.Count > 0 && MayGo(_bars.Peek())) Send(_bars.Dequeue());
        }

        void Leave(IParticipant participant)
        {
            _participants.Remove(participant);
            _shift.Remove(participant);
            LinkAsNeeded();
        }

        /// <summary>The gate takes whoever connects as `nt` for a venue, so the link stands only while somebody here trades.</summary>
        void LinkAsNeeded()
        {
            bool needed = Traders().Count > 0;
            if (needed == _linked) return;
            _linked = needed;
            if (needed) _link.Connect(Address(13));
            else _link.Disconnect(Address(13));
        }

        List<ITrader> Traders()
        {
            var traders = new List<ITrader>();
            foreach (IParticipant each in _participants)
                if (each is ITrader trader && trader.Trades) traders.Add(trader);
            return traders;
        }

        // --- where to go on ------------------------------------------------------------------------------------------------------------

        /// <summary>Asks the journal how far it is; without an answer in time our own memory has to do.</summary>
        void Wake(long now)
        {
            if (_heardMs == 0) _heardMs = now;
            if (now - _heardMs > _settings.HistoryMs) Begin(_journalEpoch);
            else if (now >= _nextAskMs)
            {
                _nextAskMs = now + AskMs;
                Ask(new TopicsRequest { Id = _wanted = "topics-" + ++_asked, Prefix = "raw.bar." });
            }
        }

        void Ask(Body question)
        {
            var header = new Header(Source, 0, 0, 0, "");
            _history.TrySendMultipartBytes(Empty, Wire.Topic("request."), Wire.Encode(header, question));
        }

        void Answered()
        {
            List<byte[]> frames = null;
            while (_history.TryReceiveMultipartBytes(ref frames))
            {
                Message message = Readable(frames, "history");
                if (message == null) continue;
                if (message.Body is Topics topics) Lengths(topics);
                else if (message.Body is Page page) Guard(() => LastBar(page));
            }
        }

        void Lengths(Topics topics)
        {
            long epoch = 0;
            foreach (TopicLength length in topics.Lengths)
            {
                epoch = Math.Max(epoch, length.Epoch);
                if (_facts != null && length.Epoch == _facts.Epoch) _journaled[length.Topic] = length.Seq;
            }
            if (_facts != null || topics.Id != _wanted) return;
            _lengthsLeft = 0;
            foreach (TopicLength length in topics.Lengths)
                if (length.Records > 0 && !_known.ContainsKey(length.Topic))
                {
                    _lengthsLeft++;
                    Ask(new HistoryRequest { Id = "last-" + ++_asked, Topic = length.Topic, Start = length.Records - 1, Count = 1 });
                }
            _journalEpoch = epoch;
            if (_lengthsLeft == 0) Begin(epoch);
        }

        void LastBar(Page page)
        {
            if (_facts != null || page.Frames.Count == 0 || _known.ContainsKey(page.Topic)) return;
            Message last = Wire.Decode(Wire.Topic(page.Topic), page.Frames[page.Frames.Count - 1]);
            var bar = last.Body as Bar;
            _known[page.Topic] = bar == null ? 0 : bar.CloseNs;
            if (bar != null) _knownIndex[page.Topic] = bar.Index;
            if (--_lengthsLeft == 0) Begin(_journalEpoch);
        }

        void Begin(long journalEpoch)
        {
            // Without a memory, but known to the journal: it has not seen every epoch that the gate has. Seconds are above them all.
            bool forgot = _memory.Epoch == 0 && journalEpoch > 0;
            long epoch = forgot ? WallNs() / 1000000000 : Math.Max(journalEpoch, _memory.Epoch) + 1;
            _memory.Begin(epoch);
            _words = new Stamper(Source, epoch);
            _facts = new Stamper(Source, epoch);
            foreach (HeldBar held in _bars) Align(held);
            while (_early.Count > 0) Guard(_early.Dequeue());
        }

        /// <summary>
        /// Bar numbers go on where the journal left them, although a chart that was opened again counts from its own first bar.
        /// </summary>
        void Align(HeldBar held)
        {
            string topic = TopicOf(held.Bar);
            if (_shift.ContainsKey(held.From) || !_knownIndex.TryGetValue(topic, out long index)) return;
            if (held.Bar.CloseNs == _known[topic]) _shift[held.From] = index - held.Bar.Index;
            else if (held.Bar.CloseNs > _known[topic]) _shift[held.From] = index + 1 - held.Bar.Index;
        }

        long Shift(IParticipant of) { return of != null && _shift.TryGetValue(of, out long shift) ? shift : 0; }

        // --- the bus ---------------------------------------------------------------------------------------------------------------------

        /// <summary>The broker's subscription: it is there, or there again. What was said meanwhile is lost, and a beat tells readers.</summary>
        void Subscribed()
        {
            while (_factsOut.TryReceiveFrameBytes(out byte[] subscription)) _heard = true;
            _nextBeatMs = 0;
        }

        void FactsIn()
        {
            List<byte[]> frames = null;
            while (_factsIn.TryReceiveMultipartBytes(ref frames))
            {
                Message message = Readable(frames, "bus");
                var wanted = message == null ? null : message.Body as Resend;
                if (wanted == null || _facts == null || wanted.OfEpoch != _facts.Epoch) continue;
                foreach (byte[] frame in _ring.Again(wanted.Topic, wanted.First, wanted.Last))
                {
                    Counters.Resent++;
                    _factsOut.TrySendMultipartBytes(Wire.Topic(wanted.Topic), frame);
                }
            }
        }

        /// <summary>A bar goes out when the broker listens, the gate owns what was said before it, and the journal is not far behind.</summary>
        bool MayGo(HeldBar held)
        {
            if (!_heard) return false;
            if (!_outbox.DoneUpTo(held.Told) && NowMs - held.SinceMs < held.HoldMs) return false;
            string topic = TopicOf(held.Bar);
            _said.TryGetValue(topic, out long said);
            _journaled.TryGetValue(topic, out long journaled);
            if (said - journaled < Credit / 2) return true;
            if (NowMs >= _nextAskMs)
            {
                _nextAskMs = NowMs + (said - journaled < Credit ? AskMs : 5 * TickMs);
                Ask(new TopicsRequest { Id = "credit-" + ++_asked, Prefix = "raw.bar." });
            }
            return said - journaled < Credit;
        }

        void Send(HeldBar held)
        {
            Interlocked.Decrement(ref _undelivered);
            Bar bar = held.Bar;
            string topic = TopicOf(bar);
            if (_known.TryGetValue(topic, out long known) && bar.CloseNs <= known || GivesWay(held.From, topic))
            {
                Counters.Skipped++;
                return;
            }
            bar.Index += Shift(held.From);
            _known[topic] = bar.CloseNs;
            _knownIndex[topic] = bar.Index;
            Fact(topic, bar, bar.CloseNs);
            Counters.Bars++;
        }

        /// <summary>Two charts of one series: the one that trades feeds it, because its bars bear the position.</summary>
        bool GivesWay(IParticipant from, string topic)
        {
            string chart = "chart." + topic.Substring("raw.bar.".Length);
            return !(from is ITrader) && _participants.Exists(each => each is ITrader && each.Chart == chart);
        }

        static string TopicOf(Bar bar)
        {
            return "raw.bar." + bar.Instrument + "." + (bar.CloseNs - bar.OpenNs) / 60000000000 + "m.";
        }

        void Fact(string topic, Body body, long eventNs)
        {
            Header header = _facts.Next(topic, eventNs, "");
            byte[] frame = Wire.Encode(header, body);
            _ring.Keep(topic, header.Seq, frame);
            _said[topic] = header.Seq;
            _factsOut.TrySendMultipartBytes(Wire.Topic(topic), frame);
        }

        void Beat()
        {
            var beat = new Beat { Name = Source, Pid = Process.GetCurrentProcess().Id, StartedNs = _startedNs, WallNs = WallNs(), Note = Note() };
            beat.Last = Numbers(_facts);
            beat.Received = Counters.Commands;
            beat.Sent = Counters.Bars;
            _factsOut.TrySendMultipartBytes(Wire.Topic("sys.beat.nt."), Wire.Encode(Passing(), beat));
        }

        /// <summary>`ready`, or what stops entries on this side: for the doctor, who cannot see the chart.</summary>
        string Note()
        {
            List<ITrader> traders = Traders();
            if (traders.Count == 0) return "ready";
            var words = new List<string>();
            long age = LeaseAgeMs;
            if (age < 0 || age > Checks.LeaseMs) words.Add("no lease");
            if (Killed) words.Add("killed");
            ITrader stopped = traders.Find(each => each.Stopped != "");
            if (stopped != null) words.Add("halted: " + stopped.Stopped);
            return words.Count == 0 ? "ready" : string.Join("; ", words);
        }

        void Complain(string name, string text)
        {
            long now = NowMs;
            if (_complained.TryGetValue(text, out long last) && now - last < 60000) return;
            if (_complained.Count > 1000) _complained.Clear();
            _complained[text] = now;
            WhenKnown(() => Fact("sys.alarm.nt.", new Alarm { Name = name, Text = text }, WallNs()));
        }

        static List<Numbered> Numbers(Stamper of)
        {
            var numbers = new List<Numbered>();
            foreach (KeyValuePair<string, long> last in of.Last) numbers.Add(new Numbered { Topic = last.Key, Epoch = of.Epoch, Seq = last.Value });
            return numbers;
        }

        /// <summary>Numbered by the clock and kept nowhere: an old one has no value.</summary>
        Header Passing() { return new Header(Source, _facts == null ? 0 : _facts.Epoch, WallNs(), WallNs(), ""); }

        static long WallNs() { return (DateTime.UtcNow.Ticks - 621355968000000000) * 100; }

        // --- charts, on request ------------------------------------------------------------------------------------------------------------

        void Asked()
        {
            List<byte[]> frames = null;
            while (_backfill.TryReceiveMultipartBytes(ref frames))
            {
                Message message = Readable(frames, "backfill port");
                if (message == null) continue;
                if (message.Body is TopicsRequest topics) Reply(Charts(topics));
                else if (message.Body is HistoryRequest page) Read(page);
            }
        }

        Topics Charts(TopicsRequest asked)
        {
            var topics = new Topics { Id = asked.Id };
            foreach (IParticipant each in _participants)
            {
                string name = each.Chart;
                if (name == "" || !name.StartsWith(asked.Prefix, StringComparison.Ordinal) || topics.Lengths.Exists(other => other.Topic == name)) continue;
                topics.Lengths.Add(new TopicLength { Topic = name, Records = each.ChartLength, Epoch = 1, Seq = each.ChartLength });
            }
            return topics;
        }

        void Read(HistoryRequest asked)
        {
            IParticipant chart = _participants.Find(each => each.Chart == asked.Topic);
            var page = new Page { Id = asked.Id, Topic = asked.Topic, Start = asked.Start };
            long end = chart == null ? 0 : chart.ChartLength;
            page.End = end;
            long count = Math.Min(Math.Min(asked.Count, LongestPage), end - asked.Start);
            if (count <= 0 || asked.Start < 0) Reply(page);
            else chart.ReadChart(asked.Start, (int)count, bars => Enqueue(() => Give(page, bars)));
        }

        void Give(Page page, List<Bar> bars)
        {
            foreach (Bar bar in bars) page.Frames.Add(Wire.Encode(new Header(Source, 1, bar.Index + 1, bar.CloseNs, ""), bar));
            Reply(page);
        }

        void Reply(Body answer) { _backfill.TrySendMultipartBytes(Empty, Wire.Topic("history."), Wire.Encode(Passing(), answer)); }

        // --- the link ---------------------------------------------------------------------------------------------------------------------

        void Say(string topic, Body body, long eventNs, string cause, Action owned)
        {
            var fill = body as ExecutionReport;
            if (fill != null) fill.BarIndex += Shift(_participants.Find(each => each is ITrader trader && trader.Instrument == fill.Instrument));
            Header header = _words.Next(topic, eventNs, cause);
            string reference = Wire.Ref(topic, header.Epoch, header.Seq);
            if (owned != null) _owned[reference] = owned;
            _told = _outbox.Put(reference, Wire.Topic(topic), Wire.Encode(header, body), NowMs);
            Counters.Words++;
        }

        void Hello()
        {
            var hello = new Hello { Venue = "NinjaTrader", Version = Version };
            long atNs = 0;
            foreach (ITrader trader in Traders())
            {
                VenuePosition stands = trader.Snapshot(hello.Working, out string account, out long barNs);
                if (!hello.Accounts.Contains(account)) hello.Accounts.Add(account);
                if (stands.Position.Qty != 0) hello.Positions.Add(stands);
                atNs = Math.Max(atNs, barNs);
            }
            if (hello.Accounts.Count == 0) return; // nobody here trades any more
            hello.Words = Numbers(_words);
            Counters.Hellos++;
            Interlocked.Increment(ref _undelivered);
            Say("venue.nt.", hello, atNs, "", null);
        }

        void Linked()
        {
            List<byte[]> frames = null;
            while (_link.TryReceiveMultipartBytes(ref frames))
            {
                List<byte[]> one = frames;
                Guard(() => Hear(one));
            }
            Flush();
        }

        void Hear(List<byte[]> frames)
        {
            Message message;
            try
            {
                if (frames.Count != 3 || frames[0].Length != 0) throw new Refusal(frames.Count + " frames, a message on the link has 3, the first empty");
                message = Wire.DecodeHeader(frames[1], frames[2]);
            }
            catch (Refusal refusal)
            {
                Refused(refusal, "on the venue link");
                return;
            }
            if (message.Type == "ack") Owned(message);
            else if (message.Type == "lease") Leased(message);
            else if (message.Topic.StartsWith("command.", StringComparison.Ordinal)) Commanded(message);
            else
            {
                Counters.Unreadable++;
                Complain("unreadable", "on the venue link: " + message.Type + " on " + message.Topic + ", which is not for the venue");
                Acknowledge(message);
            }
        }

        void Owned(Message message)
        {
            string reference = message.Fields.Str("ref");
            if (!_outbox.Done(reference)) return;
            Interlocked.Decrement(ref _undelivered);
            if (!_owned.TryGetValue(reference, out Action owned)) return;
            _owned.Remove(reference);
            owned();
        }

        /// <summary>Lease and greeting: a gate that is new, or that has not been heard for long, is told what stands here.</summary>
        void Leased(Message message)
        {
            var lease = new Lease();
            lease.Read(message.Fields);
            long age = LeaseAgeMs;
            bool torn = age > 3 * BeatMs || lease.Boot != _boot;
            bool first = age < 0;
            _boot = lease.Boot;
            Interlocked.Exchange(ref _leaseMs, NowMs);
            Interlocked.Exchange(ref _killed, lease.Killed ? 1 : 0);
            if (!torn || first || _facts == null) return;
            _outbox.Hurry(NowMs);
            Hello();
        }

        void Commanded(Message bare)
        {
            if (!_inboxes.TryGetValue(bare.Topic, out Inbox inbox)) _inboxes[bare.Topic] = inbox = new Inbox();
            foreach (Message message in inbox.Admit(bare)) Guard(() => Take(message));
        }

        /// <summary>On our disk, then acknowledged, then handed on.</summary>
        void Take(Message bare)
        {
            Counters.Commands++;
            string id = bare.Fields.Map.TryGet("id", out object given) ? given as string ?? "" : "";
            string instrument = bare.Topic.Split('.')[1];
            ITrader desk = Traders().Find(each => each.Instrument == instrument);
            Message message = bare;
            string why = desk == null ? "INSTRUMENT: no bridge trades " + instrument + " here" : Unfit(bare, id, instrument, out message);
            if (why != "")
            {
                Counters.Unreadable++;
                Complain("command_refused", bare.Ref + " " + bare.Type + ": " + why);
                Acknowledge(bare);
                if (id == "") return;
                if (desk != null) desk.Unreadable(bare, id, why);
                else RejectFor(instrument, bare, id, why);
                return;
            }
            bool repeat = !_memory.Take(message, instrument, id);
            if (repeat) Counters.Repeats++;
            Acknowledge(message);
            desk.Command(message, repeat);
        }

        static string Unfit(Message bare, string id, string instrument, out Message message)
        {
            message = bare;
            var command = Body.Of(bare.Type) as Command;
            if (command == null) return "TYPE: " + bare.Type + " is no command";
            try
            {
                command.Read(bare.Fields);
            }
            catch (Refusal refusal)
            {
                return "FIELD: " + refusal.Message;
            }
            if (!Checks.IsId(id)) return "ID: an id is 1 to " + Checks.LongestId + " printable characters without spaces";
            if (command.Instrument != instrument) return "INSTRUMENT: " + command.Instrument + " on the topic of " + instrument;
            message = new Message(bare.Topic, bare.Header, bare.Type, command, bare.Fields);
            return "";
        }

        void RejectFor(string instrument, Message message, string id, string why)
        {
            var word = new OrderUpdate
            {
                Id = instrument + "-" + id + "-" + OrderUpdate.Rejected, OrderId = id, Instrument = instrument, Status = OrderUpdate.Rejected, Detail = why,
            };
            Interlocked.Increment(ref _undelivered);
            WhenKnown(() => Say("venue." + instrument + ".", word, message.Header.EventNs, message.Ref, null));
        }

        void Acknowledge(Message message)
        {
            byte[] ack = Wire.Encode(Passing(), new Ack { Ref = message.Ref });
            _link.TrySendMultipartBytes(Empty, Wire.Topic("ack."), ack);
        }

        Message Readable(List<byte[]> frames, string where)
        {
            try
            {
                if (frames.Count < 2) return null; // the broker's welcome
                return Wire.Decode(frames[frames.Count - 2], frames[frames.Count - 1]);
            }
            catch (Refusal refusal)
            {
                Refused(refusal, "on the " + where);
                return null;
            }
        }
    }
}
