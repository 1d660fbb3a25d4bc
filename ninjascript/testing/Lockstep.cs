// Closes the next bar only when every process has finished the previous one: the gate has acknowledged every message, the evaluator has
// published `eval.done.`, and every order that it names is carried out here. So no process's speed changes a result, and the run
// equals `tapewire replay`.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using NetMQ;
using NetMQ.Sockets;

namespace Tapewire.Testing
{
    /// <summary>Receives `eval.done.` of one instrument, from the bus, and from the journal what the bus has lost.</summary>
    public sealed class Decisions : IDisposable
    {
        readonly object _lock = new object();
        readonly string _topic;
        readonly NetMQPoller _poller = new NetMQPoller();
        readonly SubscriberSocket _bus = new SubscriberSocket();
        readonly DealerSocket _history = new DealerSocket();
        readonly NetMQTimer _timer = new NetMQTimer(TimeSpan.FromMilliseconds(500));
        readonly Dictionary<long, EvalDone> _done = new Dictionary<long, EvalDone>();
        bool _welcome;
        long _records, _requests;

        public Decisions(HostOptions options)
        {
            _topic = "eval.done." + options.Instrument + ".";
            _bus.Subscribe(_topic);
            _bus.Subscribe("sys.welcome.");
            _bus.ReceiveReady += (sender, e) => ReadBus();
            _history.ReceiveReady += (sender, e) => ReadJournal();
            _timer.Elapsed += (sender, e) => RequestPage();
            _poller.Add(_bus);
            _poller.Add(_history);
            _poller.Add(_timer);
            KeyFile key = KeyFile.Read(options.Folder, out string why);
            if (key == null) throw new InvalidOperationException(why);
            foreach (NetMQSocket socket in new NetMQSocket[] { _bus, _history })
            {
                socket.Options.CurveCertificate = new NetMQCertificate(key.Secret, key.Public);
                socket.Options.CurveServerKey = key.Server;
            }
            _bus.Connect("tcp://" + options.DaemonHost + ":" + (options.BasePort + 1));
            _history.Connect("tcp://" + options.DaemonHost + ":" + (options.BasePort + 14));
            _poller.RunAsync("decisions", true);
        }

        public bool Welcome { get { lock (_lock) return _welcome; } }

        /// <summary>The end of the decision on the bar with this close; null before it.</summary>
        public EvalDone Of(long barNs)
        {
            lock (_lock) return _done.TryGetValue(barNs, out EvalDone done) ? done : null;
        }

        public void Forget(long barNs)
        {
            lock (_lock) _done.Remove(barNs);
        }

        public void Dispose()
        {
            _poller.Dispose();
            _bus.Dispose();
            _history.Dispose();
        }

        void ReadBus()
        {
            List<byte[]> frames = null;
            while (_bus.TryReceiveMultipartBytes(ref frames))
                lock (_lock)
                    if (frames.Count == 1) _welcome = true;
                    else Add(Wire.Decode(frames[0], frames[1]));
        }

        void Add(Message message)
        {
            if (message.Body is EvalDone done) _done[done.BarNs] = done;
        }

        void RequestPage()
        {
            var request = new HistoryRequest { Id = "done-" + ++_requests, Topic = _topic, Start = _records, Count = 500 };
            byte[] frame = Wire.Encode(new Header("host", 0, 0, 0, ""), request);
            _history.TrySendMultipartBytes(new byte[0], Wire.Topic("request."), frame);
        }

        void ReadJournal()
        {
            List<byte[]> frames = null;
            while (_history.TryReceiveMultipartBytes(ref frames))
            {
                var page = Wire.Decode(frames[1], frames[2]).Body as Page;
                if (page == null || page.Topic != _topic || page.Start != _records) continue;
                _records += page.Frames.Count;
                lock (_lock)
                    foreach (byte[] frame in page.Frames) Add(Wire.Decode(Wire.Topic(_topic), frame));
            }
        }
    }

    /// <summary>Drives a chart bar by bar; each step waits until it is finished everywhere.</summary>
    public sealed class Lockstep
    {
        const int PatienceS = 60;

        readonly Host _host;
        readonly Decisions _decisions;

        public Lockstep(Host host, Decisions decisions)
        {
            _host = host;
            _decisions = decisions;
        }

        /// <summary>Waits until the daemons answer and the gate has acknowledged our hello.</summary>
        public void Join()
        {
            Until(() => _decisions.Welcome, "the broker's welcome");
            Until(() => _host.Bridge.Transport.LeaseAgeMs >= 0, "the gate's lease");
            Until(Acknowledged, "the gate to acknowledge hello");
        }

        /// <summary>One bar, until it is finished everywhere.</summary>
        /// <param name="moment">
        /// Called twice, while messages are pending: when the broker has traded the bar and the script has not seen it closed, and when the
        /// orders that follow from it are placed. Its argument is the bar that closes next.
        /// </param>
        public void Bar(int at, Action<int> moment)
        {
            string stamp = _host.Stamp(at).ToString("s");
            _host.Trade(at);
            moment(at);
            _host.Close(at);
            long ns = UnixTime.FromTicks(TimeZoneInfo.ConvertTimeToUtc(_host.Stamp(at), NinjaTrader.Core.Globals.GeneralOptions.TimeZoneInfo).Ticks);
            Until(() => _decisions.Of(ns) != null, "eval.done of " + stamp);
            foreach (string id in _decisions.Of(ns).Orders) Until(() => CarriedOut(id), "the order " + id);
            moment(at + 1);
            _decisions.Forget(ns);
            Until(Acknowledged, "the gate to acknowledge the messages of " + stamp);
        }

        public void Finish()
        {
            _host.Finish();
            Until(Acknowledged, "the gate to acknowledge the last executions");
        }

        public bool Acknowledged() { return _host.Bridge.Transport.Counters.Waiting == 0; }

        bool CarriedOut(string id)
        {
            lock (_host.Sync) return _host.Bridge.Has(id);
        }

        public void Until(Func<bool> done, string what)
        {
            Stopwatch waited = Stopwatch.StartNew();
            while (!done())
            {
                if (waited.Elapsed.TotalSeconds > PatienceS) throw new TimeoutException("waited " + PatienceS + " s for " + what);
                _host.Pump();
            }
        }
    }
}
