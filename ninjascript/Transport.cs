// The sockets of this process, and the only file that uses NetMQ. One thread, the poller's, owns them; every other thread enqueues.
//
//     XPUB   -> broker.in     bars, beats, alarms; the first one waits for the broker's subscription
//     SUB    <- broker.out    requests to resend
//     XPUB   -> ticks.in      last trades, if a chart sends them
//     DEALER <> venue         the link with the gate, as `nt`: commands and leases in, messages out until they are acknowledged
//     DEALER <> history       the journal: where numbering continues after a restart, and how far the journal has our bars
//     DEALER <> backfill      a chart's bars, page by page, on request
//
// Five parts do the work: Numbering (with Journal), Charts, VenueLink, Publisher, Ticker.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;
using System.Threading;
using NetMQ;
using NetMQ.Sockets;

namespace Tapewire
{
    public sealed class TransportSettings
    {
        public string Host = "127.0.0.1";
        public int BasePort = 5550;

        /// <summary>The folder of bridge.txt and tapewire.key.</summary>
        public string Folder;

        /// <summary>How long to wait at the start for the journal's answer, once the broker listens.</summary>
        public int HistoryMs = 5000;
    }

    /// <summary>
    /// Owns the sockets, the poller and the guard around every handler. There is one in a process; its charts share it, and the last chart to
    /// leave closes it.
    ///
    /// Threads: Open, Close and the members of the first half may be called on any thread and never wait for the poller, except that Close
    /// of the last chart waits for the end, two seconds at most. The second half, and all parts, run on the poller's thread, which alone
    /// touches a socket once the poller runs. An exception that left a handler would end NinjaTrader, so every handler runs
    /// in Guard. NetMQ is never cleaned up as a whole, because other scripts may use it: closing first shuts the entrance to the queue, then
    /// disposes the poller, the sockets and the queue, on a thread of its own. A call that comes later does nothing. All our threads are
    /// background threads, so that NinjaTrader can end without a script having ended.
    /// </summary>
    public sealed class Transport : IPoller
    {
        public const string Source = "nt", Version = "1";
        const int TickMs = 20, BeatMs = 1000, ParticipantMs = 100;
        const int LinkHwm = 10000, BusHwm = 20000, TicksHwm = 1000;

        static readonly object Owners = new object();
        static readonly byte[] Empty = new byte[0];
        static Transport _one;

        readonly TransportSettings _settings;
        readonly Memory _memory;
        readonly Access _access;
        readonly Stopwatch _clock = Stopwatch.StartNew();
        readonly ThreadLocal<bool> _onPoller = new ThreadLocal<bool>();
        readonly Counters _counters = new Counters();
        readonly HashSet<string> _refused = new HashSet<string>();
        readonly Journal _journal;
        readonly Numbering _numbering;
        readonly Charts _charts;
        readonly VenueLink _link;
        readonly Publisher _publisher;
        readonly Ticker _ticker;

        readonly object _entrance = new object();
        NetMQPoller _poller;
        NetMQQueue<Action> _work;
        bool _closed; // under _entrance
        XPublisherSocket _busOut, _ticks;
        SubscriberSocket _busIn;
        DealerSocket _gate, _history, _backfill;
        int _users;
        bool _linked, _connected, _ticking;
        long _nextBeatMs, _nextParticipantMs;
        string _fault = "";

        Transport(TransportSettings settings)
        {
            _settings = settings;
            _memory = new Memory(Path.Combine(settings.Folder, "bridge.txt"));
            _access = new Access(settings.Folder, settings.Host + ":" + settings.BasePort);
            _journal = new Journal(this);
            _numbering = new Numbering(this, _memory, _journal, settings.HistoryMs, () => _publisher.Number());
            _charts = new Charts(this, _numbering);
            _link = new VenueLink(this, _numbering, _charts, _memory);
            _ticker = new Ticker(this, _numbering);
            _publisher = new Publisher(this, _numbering, _journal, _charts, _link, _ticker);
        }

        public Counters Counters { get { return _counters; } }

        // --- opening and closing --------------------------------------------------------------------------------------------------

        /// <summary>Joins the process's transport, and starts it if there is none. Each Open needs one Close.</summary>
        /// <exception cref="InvalidOperationException">It runs with another address or folder.</exception>
        /// <exception cref="System.IO.IOException">bridge.txt cannot be opened: another NinjaTrader uses it, or we may not write there.</exception>
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
                one.Enqueue(() => one._charts.Add(participant));
                return one;
            }
        }

        /// <summary>Leaves. The last chart to leave closes the sockets; what is pending has half a second to go out.</summary>
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
            _busOut = new XPublisherSocket();
            _ticks = new XPublisherSocket();
            _busIn = new SubscriberSocket();
            _gate = new DealerSocket();
            _history = new DealerSocket();
            _backfill = new DealerSocket();
            foreach (NetMQSocket socket in Sockets())
            {
                socket.Options.Linger = TimeSpan.FromMilliseconds(500);
                socket.Options.ReconnectInterval = TimeSpan.FromMilliseconds(50);
                socket.Options.ReconnectIntervalMax = TimeSpan.FromMilliseconds(500);
                socket.Options.TcpKeepalive = true;
                socket.Options.MaxMsgSize = Bounds.MaxFrame; // a longer frame ends the connection
            }
            _busOut.Options.SendHighWatermark = BusHwm;
            _ticks.Options.SendHighWatermark = TicksHwm;
            _busIn.Options.ReceiveHighWatermark = BusHwm;
            _gate.Options.SendHighWatermark = LinkHwm;
            _gate.Options.ReceiveHighWatermark = LinkHwm;
            _gate.Options.Identity = Encoding.ASCII.GetBytes(Source);
            _backfill.Options.Identity = Encoding.ASCII.GetBytes(Source);
            _busIn.Subscribe("sys.resend.");
            _busIn.Subscribe("sys.beat.broker."); // that it arrives says that the broker answers to our key
            _work = new NetMQQueue<Action>();
            _poller = new NetMQPoller();
            _busOut.ReceiveReady += (sender, e) => Guard(Subscribed);
            _ticks.ReceiveReady += (sender, e) => Guard(TicksSubscribed);
            _busIn.ReceiveReady += (sender, e) => Guard(ReadBus);
            _gate.ReceiveReady += (sender, e) => Guard(ReadGate);
            _history.ReceiveReady += (sender, e) => Guard(ReadJournal);
            _backfill.ReceiveReady += (sender, e) => Guard(ReadRequests);
            _work.ReceiveReady += (sender, e) => Guard(Work);
            var timer = new NetMQTimer(TimeSpan.FromMilliseconds(TickMs));
            timer.Elapsed += (sender, e) => Guard(Tick);
            _poller.Add(_busOut);
            _poller.Add(_ticks);
            _poller.Add(_busIn);
            _poller.Add(_gate);
            _poller.Add(_history);
            _poller.Add(_backfill);
            _poller.Add(_work);
            _poller.Add(timer);
            _poller.RunAsync("tapewire", true);
        }

        IEnumerable<NetMQSocket> Sockets() { return new NetMQSocket[] { _busOut, _ticks, _busIn, _gate, _history, _backfill }; }

        /// <summary>The entrance first, then poller, sockets and queue; never on the poller's own thread, never under a lock.</summary>
        void Stop()
        {
            try
            {
                using (var flushed = new ManualResetEvent(false))
                {
                    Enqueue(() =>
                    {
                        Flush();
                        if (_numbering.Ready) _publisher.Beat();
                        flushed.Set();
                    });
                    flushed.WaitOne(500);
                }
            }
            catch (Exception error)
            {
                Fault(error);
            }
            Shut();
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

        /// <summary>From here on nothing is enqueued: an Enqueue of NetMQ's on a queue that is disposed would never return.</summary>
        void Shut()
        {
            lock (_entrance) _closed = true;
        }

        void Dispose()
        {
            Shut();
            foreach (IDisposable each in new IDisposable[] { _poller, _busOut, _ticks, _busIn, _gate, _history, _backfill, _work, _memory })
                try
                {
                    if (each != null) each.Dispose();
                }
                catch (Exception error)
                {
                    Fault(error);
                }
        }

        string Address(int offset) { return "tcp://" + _settings.Host + ":" + (_settings.BasePort + offset); }

        // --- any thread: nothing here waits ----------------------------------------------------------------------------------------

        public Memory Memory { get { return _memory; } }

        /// <summary>Monotonic, in milliseconds.</summary>
        public long NowMs { get { return _clock.ElapsedMilliseconds; } }

        /// <summary>Time since the gate's last lease, in milliseconds; negative before the first.</summary>
        public long LeaseAgeMs { get { return _link.LeaseAgeMs; } }

        /// <summary>The gate's kill switch, as of the last lease.</summary>
        public bool Killed { get { return _link.Killed; } }

        /// <summary>Why there is no connection, and what to do; empty if there is one.</summary>
        public string Trouble { get { return _access.Trouble; } }

        /// <summary>The first exception inside; empty if there was none. It stops entries.</summary>
        public string FaultText { get { return _fault; } }

        /// <summary>The broker has subscribed to us.</summary>
        public bool BrokerListens { get { return _publisher.BrokerListens; } }

        /// <summary>Sends a bar, in the order of the bars.</summary>
        /// <param name="holdMs">How long it waits for the gate to acknowledge earlier messages.</param>
        public void Publish(IParticipant from, Bar bar, int holdMs)
        {
            _counters.Queued();
            Enqueue(() => _publisher.Publish(from, bar, holdMs));
        }

        /// <summary>A chart sends trades from now on: connects to the port that takes them, which nobody needs otherwise.</summary>
        public void BeginTicks()
        {
            Enqueue(() =>
            {
                if (!_ticking && _connected) _ticks.Connect(Address(2));
                _ticking = true;
            });
        }

        /// <summary>Sends a last trade, or a window of them, if there is room; else an older one is dropped.</summary>
        public void Publish(Tick tick) { _ticker.Take(tick); }

        /// <summary>Trades that went out, and that were dropped here.</summary>
        public string Ticks { get { return "ticks " + _ticker.Sent + " lost " + _ticker.Lost; } }

        /// <summary>Sends a message to the gate until it is acknowledged; then runs `acknowledged` on the poller's thread (null: nothing).</summary>
        public void Deliver(string instrument, Body body, long eventNs, string cause, Action acknowledged)
        {
            _counters.Queued();
            Enqueue(() => _link.Deliver(instrument, body, eventNs, cause, acknowledged));
        }

        /// <summary>Publishes an alarm: something that a person should look at. The same text goes out at most once a minute.</summary>
        public void Raise(string name, string text) { Enqueue(() => _publisher.Raise(name, text)); }

        /// <summary>Sends what stands in the account: when a chart begins to trade, or when the account may have changed without our fills.</summary>
        public void SendHello()
        {
            Enqueue(() =>
            {
                LinkAsNeeded();
                _numbering.WhenReady(_link.Hello);
            });
        }

        /// <summary>Runs work later, on the poller's thread; never once the transport is closed.</summary>
        public void Enqueue(Action work)
        {
            lock (_entrance)
                if (!_closed) _work.Enqueue(work);
        }

        // --- the poller's thread from here on ------------------------------------------------------------------------------------------

        void IPoller.Guard(Action handler) { Guard(handler); }

        void IPoller.Refused(Refusal refusal, string where) { Refused(refusal, where); }

        void IPoller.Raise(string name, string text) { _publisher.Raise(name, text); }

        bool IPoller.Send(Peer to, byte[] topic, byte[] frame)
        {
            if (to == Peer.Bus) return _busOut.TrySendMultipartBytes(topic, frame);
            if (to == Peer.Ticks) return _ticks.TrySendMultipartBytes(topic, frame);
            DealerSocket socket = to == Peer.Gate ? _gate : to == Peer.Journal ? _history : _backfill;
            return socket.TrySendMultipartBytes(Empty, topic, frame);
        }

        void Guard(Action handler)
        {
            try
            {
                if (!_onPoller.Value) _onPoller.Value = true;
                handler();
            }
            catch (Refusal refusal)
            {
                Refused(refusal, "in a message"); // the sender's mistake, not ours: entries go on
            }
            catch (Exception error)
            {
                Fault(error);
            }
        }

        /// <summary>Counts every refusal; the first of a place and a code becomes an alarm, so that a flood of them is one line.</summary>
        void Refused(Refusal refusal, string where)
        {
            _counters.Unreadable++;
            if (_refused.Add(where + " " + refusal.Code)) _publisher.Raise("unreadable", where + ": " + refusal.Message);
        }

        void Fault(Exception error)
        {
            Interlocked.Increment(ref _counters.Faults);
            string text = error.GetType().Name + ": " + error.Message;
            if (_fault == "") _fault = text;
            if (!_numbering.Ready || !_onPoller.Value) return;
            try
            {
                _publisher.Raise("bridge_fault", text);
            }
            catch (Exception) { } // it is counted, and entries have stopped
        }

        void Work()
        {
            while (_work.TryDequeue(out Action work, TimeSpan.Zero)) Guard(work);
            Flush();
        }

        void Tick()
        {
            long now = NowMs;
            KeyFile key = _access.Look(now);
            if (key != null) Connect(key);
            if (_publisher.BrokerListens && !_numbering.Ready) _numbering.Resolve(now);
            Flush();
            if (_numbering.Ready && now >= _nextBeatMs)
            {
                _nextBeatMs = now + BeatMs;
                _publisher.Beat();
            }
            if (now < _nextParticipantMs) return;
            _nextParticipantMs = now + ParticipantMs;
            _charts.Tick();
            if (_numbering.Ready) _link.Look();
        }

        void Flush()
        {
            if (!_numbering.Ready) return;
            _link.Flush();
            _publisher.Flush();
        }

        void Leave(IParticipant participant)
        {
            _charts.Remove(participant);
            LinkAsNeeded();
        }

        /// <summary>The gate takes a peer that connects as `nt` for a venue, so the link is up only while a chart here trades.</summary>
        void LinkAsNeeded()
        {
            bool needed = _charts.Traders().Count > 0;
            if (needed == _linked) return;
            _linked = needed;
            if (!_connected) return;
            if (needed) _gate.Connect(Address(13));
            else _gate.Disconnect(Address(13));
        }

        /// <summary>
        /// Connects with this key, in place of an older one. The options count from the next connection on. NetMQ throws if the host cannot be
        /// resolved; then nothing is connected, and Access tries again.
        /// </summary>
        void Connect(KeyFile key)
        {
            if (_connected) EachConnection((socket, address) => socket.Disconnect(address));
            _connected = false;
            var certificate = new NetMQCertificate(key.Secret, key.Public);
            foreach (NetMQSocket socket in Sockets())
            {
                socket.Options.CurveCertificate = certificate;
                socket.Options.CurveServerKey = key.Server;
            }
            var made = new List<Action>();
            try
            {
                EachConnection((socket, address) =>
                {
                    socket.Connect(address);
                    made.Add(() => socket.Disconnect(address));
                });
                _connected = true;
                _access.Tried("");
            }
            catch (Exception error) when (!(error is FileNotFoundException)) // a DLL that is missing stays missing
            {
                foreach (Action undo in made) undo();
                _access.Tried(error.GetBaseException().Message);
            }
        }

        void EachConnection(Action<NetMQSocket, string> act)
        {
            act(_busOut, Address(0));
            act(_busIn, Address(1));
            if (_ticking) act(_ticks, Address(2));
            act(_history, Address(14));
            act(_backfill, Address(16));
            if (_linked) act(_gate, Address(13));
        }

        // --- what arrives -----------------------------------------------------------------------------------------------------------------

        /// <summary>
        /// The broker's subscription (a byte of 1), at its start and at each restart; or its end (0), at a change of the key. What was sent meanwhile
        /// is lost; a beat at once tells readers.
        /// </summary>
        void Subscribed()
        {
            while (_busOut.TryReceiveFrameBytes(out byte[] frame)) _publisher.Subscribed(frame.Length > 0 && frame[0] == 1);
            _nextBeatMs = 0;
        }

        /// <summary>The broker's subscription, which XPUB itself follows.</summary>
        void TicksSubscribed()
        {
            while (_ticks.TryReceiveFrameBytes(out byte[] _)) { }
        }

        void ReadBus()
        {
            List<byte[]> frames = null;
            while (_busIn.TryReceiveMultipartBytes(ref frames))
            {
                _access.Answered(NowMs);
                Message message = Readable(frames, "bus");
                if (message != null) _publisher.Receive(message);
            }
        }

        void ReadGate()
        {
            List<byte[]> frames = null;
            while (_gate.TryReceiveMultipartBytes(ref frames))
            {
                List<byte[]> one = frames;
                Guard(() => _link.Receive(one));
            }
            Flush();
        }

        void ReadJournal()
        {
            List<byte[]> frames = null;
            while (_history.TryReceiveMultipartBytes(ref frames))
            {
                Message message = Readable(frames, "history", Bounds.MaxFrame);
                if (message != null) Guard(() => Answered(message.Body));
            }
        }

        void Answered(Body answer)
        {
            if (answer is Page page) _numbering.Receive(page);
            else if (answer is Topics topics && _numbering.Ready) _journal.Receive(topics, _numbering.Bus.Epoch);
            else if (answer is Topics lengths) _numbering.Receive(lengths);
        }

        void ReadRequests()
        {
            List<byte[]> frames = null;
            while (_backfill.TryReceiveMultipartBytes(ref frames))
            {
                Message message = Readable(frames, "backfill port");
                if (message != null) _charts.Receive(message);
            }
        }

        /// <summary>The message in the last two frames; null for the broker's welcome, and for a message that is refused, with an alarm.</summary>
        Message Readable(List<byte[]> frames, string where, int longest = Bounds.MaxMessage)
        {
            try
            {
                if (frames.Count < 2) return null;
                return Wire.Decode(frames[frames.Count - 2], frames[frames.Count - 1], longest);
            }
            catch (Refusal refusal)
            {
                Refused(refusal, "on the " + where);
                return null;
            }
        }
    }
}
