// Closes the transport, or unloads the strategy, again and again while other threads go on, as NinjaTrader's threads may.

using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using NinjaTrader.Cbi;
using NinjaTrader.NinjaScript.Strategies;

namespace Tapewire.Testing
{
    /// <summary>A chart that is opened and closed, and two threads that never learn of it.</summary>
    public sealed class Closing : IParticipant
    {
        readonly TransportSettings _settings;
        readonly Thread[] _talkers = new Thread[2];
        readonly long[] _words = new long[2];
        volatile Transport _transport;
        volatile Exception _thrown;
        volatile bool _ended;

        public Closing(string folder) { _settings = new TransportSettings { Folder = folder }; }

        /// <summary>Opens and closes this many times. In each round both talkers speak before the end, during it and after it.</summary>
        /// <returns>What went wrong; empty if nothing did.</returns>
        public string Run(int times)
        {
            for (int round = 0; round < times && _thrown == null; round++)
            {
                _transport = Transport.Open(_settings, this);
                if (round == 0) Begin();
                Listen();
                _transport.Close(this);
                Listen();
            }
            _ended = true;
            foreach (Thread talker in _talkers)
                if (!talker.Join(10000)) return "a talker hangs";
            if (_thrown != null) return _thrown.ToString();
            return NetMQ.Zmq.Open == 0 ? "" : NetMQ.Zmq.Open + " sockets are open";
        }

        public long Words { get { return Interlocked.Read(ref _words[0]) + Interlocked.Read(ref _words[1]); } }

        void Begin()
        {
            for (int at = 0; at < _talkers.Length; at++)
            {
                int of = at;
                _talkers[at] = new Thread(() => Talk(of)) { IsBackground = true };
                _talkers[at].Start();
            }
        }

        /// <summary>Waits until each talker has said every word once more.</summary>
        void Listen()
        {
            for (int at = 0; at < _talkers.Length; at++)
            {
                long before = Interlocked.Read(ref _words[at]);
                while (_thrown == null && Interlocked.Read(ref _words[at]) < before + 2) Thread.Yield();
            }
        }

        void Talk(int of)
        {
            try
            {
                while (!_ended)
                {
                    Say(_transport);
                    Interlocked.Increment(ref _words[of]);
                    Thread.Yield();
                }
            }
            catch (Exception error)
            {
                _thrown = error;
            }
        }

        void Say(Transport to)
        {
            var update = new OrderUpdate { Id = "MNQ-1-DONE", OrderId = "1", Instrument = "MNQ", Status = OrderUpdate.Done };
            to.Publish(this, new Bar { Instrument = "MNQ", OpenNs = 0, CloseNs = 60000000000 }, 0);
            to.Deliver("MNQ", update, 0, "", null);
            to.Raise("late", "a word");
            to.SendHello();
            to.Enqueue(() => { });
        }

        /// <summary>
        /// Loads and unloads the strategy this many times, without daemons. In each round another thread closes bars, changes the connection and
        /// reads the chart before the end, during it and after it. Writes what NinjaTrader's log has.
        /// </summary>
        public static void Unload(Host host, int times, TextWriter log)
        {
            for (int round = 0; round < times; round++)
            {
                host.Load(10);
                TapewireBridge bridge = host.Bridge;
                Transport transport = bridge.Transport;
                long calls = 0;
                bool ended = false;
                var caller = new Thread(() =>
                {
                    while (!Volatile.Read(ref ended))
                    {
                        bridge.Bar(0, 10);
                        bridge.Connected(new ConnectionStatusEventArgs { Status = ConnectionStatus.Connected });
                        ((IParticipant)bridge).ReadChart(0, 5, bars => transport.Enqueue(() => { }));
                        Interlocked.Increment(ref calls);
                    }
                }) { IsBackground = true };
                Action hear = () =>
                {
                    for (long before = Interlocked.Read(ref calls); Interlocked.Read(ref calls) < before + 2;) Thread.Yield();
                };
                caller.Start();
                hear();
                host.Unload();
                hear();
                Volatile.Write(ref ended, true);
                caller.Join();
                foreach (string line in bridge.Printed) log.WriteLine(line);
            }
        }

        void IParticipant.Tick() { }

        string IParticipant.Chart { get { return ""; } }

        long IParticipant.ChartLength { get { return 0; } }

        void IParticipant.ReadChart(long start, int count, Action<List<Bar>> give) { }
    }
}
