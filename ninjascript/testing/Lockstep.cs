// The next bar closes when the previous one is done everywhere: the gate owns every word, the evaluator has said `eval.done.`, and each
// order it names has been carried out here. So no process's speed can change a result, and the run equals `tapewire replay`.

using System;
using System.Collections.Generic;
using System.Diagnostics;
using NetMQ;
using NetMQ.Sockets;

namespace Tapewire.Testing
{
    /// <summary>Hears `eval.done.` of one instrument. What the bus lost it has from the journal.</summary>
    public sealed class Decided : IDisposable
    {
        readonly object _lock = new object();
        readonly string _topic;
        readonly NetMQPoller _poller = new NetMQPoller();
        readonly SubscriberSocket _facts = new SubscriberSocket();
        readonly DealerSocket _history = new DealerSocket();
        readonly NetMQTimer _timer = new NetMQTimer(TimeSpan.FromMilliseconds(500));
        readonly Dictionary<long, EvalDone> _done = new Dictionary<long, EvalDone>();
        bool _welcome;
        long _records, _asked;

        public Decided(HostOptions options)
        {
            _topic = "eval.done." + options.Instrument + ".";
            _facts.Subscribe(_topic);
            _facts.Subscribe("sys.welcome.");
            _facts.ReceiveReady += (sender, e) => Facts();
            _history.ReceiveReady += (sender, e) => Pages();
            _timer.Elapsed += (sender, e) => Ask();
            _poller.Add(_facts);
            _poller.Add(_history);
            _poller.Add(_timer);
            _facts.Connect("tcp://" + options.DaemonHost + ":" + (options.BasePort + 1));
            _history.Connect("tcp://" + options.DaemonHost + ":" + (options.BasePort + 14));
            _poller.RunAsync();
        }

        public bool Welcome { get { lock (_lock) return _welcome; } }

        /// <summary>What was decided on the bar with this close; null while nothing is known.</summary>
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
            _facts.Dispose();
            _history.Dispose();
        }

        void Facts()
        {
            List<byte[]> frames = null;
            while (_facts.TryReceiveMultipartBytes(ref frames))
                lock (_lock)
                    if (frames.Count == 1) _welcome = true;
                    else Note(Wire.Decode(frames[0], frames[1]));
        }

        void Note(Message message)
        {
            if (message.Body is EvalDone done) _done[done.BarNs] = done;
        }

        void Ask()
        {
            var question = new HistoryRequest { Id = "done-" + ++_asked, Topic = _topic, Start = _records, Count = 500 };
            byte[] frame = Wire.Encode(new Header("host", 0, 0, 0, ""), question);
            _history.TrySendMultipartBytes(new byte[0], Wire.Topic("request."), frame);
        }

        void Pages()
        {
            List<byte[]> frames = null;
            while (_history.TryReceiveMultipartBytes(ref frames))
            {
                var page = Wire.Decode(frames[1], frames[2]).Body as Page;
                if (page == null || page.Topic != _topic || page.Start != _records) continue;
                _records += page.Frames.Count;
                lock (_lock)
                    foreach (byte[] frame in page.Frames) Note(Wire.Decode(Wire.Topic(_topic), frame));
            }
        }
    }

    public sealed class Lockstep
    {
        const int PatienceS = 60;

        readonly Host _host;
        readonly Decided _decided;

        public Lockstep(Host host, Decided decided)
        {
            _host = host;
            _decided = decided;
        }

        /// <summary>Until the daemons are there and the gate has taken our greeting.</summary>
        public void Join()
        {
            Until(() => _decided.Welcome, "the broker's welcome");
            Until(() => _host.Bridge.Transport.LeaseAgeMs >= 0, "the gate's lease");
            Until(Owned, "the gate to answer hello");
        }

        /// <summary>One bar, until it is done everywhere.</summary>
        /// <param name="moment">
        /// Called twice, while words are under way: when the broker has traded the bar and nobody has seen it closed, and when the orders on
        /// it are placed. It is given the bar that closes next.
        /// </param>
        public void Bar(int at, Action<int> moment)
        {
            string stamp = _host.Stamp(at).ToString("s");
            _host.Trade(at);
            moment(at);
            _host.Close(at);
            long ns = UnixTime.FromTicks(TimeZoneInfo.ConvertTimeToUtc(_host.Stamp(at), NinjaTrader.Core.Globals.GeneralOptions.TimeZoneInfo).Ticks);
            Until(() => _decided.Of(ns) != null, "eval.done of " + stamp);
            foreach (string id in _decided.Of(ns).Orders) Until(() => Carried(id), "the order " + id);
            moment(at + 1);
            _decided.Forget(ns);
            Until(Owned, "the gate to own the words of " + stamp);
        }

        public void Finish()
        {
            _host.Finish();
            Until(Owned, "the gate to own the last executions");
        }

        public bool Owned() { return _host.Bridge.Transport.Undelivered == 0; }

        bool Carried(string id)
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
