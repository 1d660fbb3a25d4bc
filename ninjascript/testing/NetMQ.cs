// A stand-in for NetMQ over libzmq, so that the transport's source speaks real ZMTP on Linux. It has the part of NetMQ's interface that
// Transport.cs may use, with NetMQ's names. A use of any other part does not compile, so the transport cannot depend on it.
// It is never kinder than NetMQ: where NetMQ hangs or corrupts its state, this one throws or ends the process.
// testing/README.md lists what was compared, and where it behaves differently.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;
using NetMQ.Sockets;

namespace NetMQ
{
    /// <summary>The real library has a type of this name, which collides with NinjaTrader.Cbi's: no file may use both namespaces.</summary>
    public enum ErrorCode { }

    /// <summary>As ErrorCode.</summary>
    public enum MsgType { }

    public class NetMQException : Exception
    {
        public NetMQException(string text) : base(text) { }
    }

    public static class NetMQConfig
    {
        public static TimeSpan Linger = TimeSpan.Zero;
    }

    /// <summary>The two halves of a CURVE key, 32 bytes each.</summary>
    public class NetMQCertificate
    {
        public NetMQCertificate(byte[] secretKey, byte[] publicKey)
        {
            SecretKey = secretKey;
            PublicKey = publicKey;
        }

        public byte[] SecretKey { get; private set; }
        public byte[] PublicKey { get; private set; }
    }

    public interface ISocketPollable
    {
        NetMQSocket Socket { get; }
    }

    public sealed class NetMQSocketEventArgs : EventArgs
    {
        public readonly NetMQSocket Socket;

        public NetMQSocketEventArgs(NetMQSocket socket) { Socket = socket; }
    }

    public sealed class SocketOptions
    {
        readonly NetMQSocket _of;

        internal SocketOptions(NetMQSocket of) { _of = of; }

        public TimeSpan Linger { set { _of.SetInt(17, (int)value.TotalMilliseconds); } }
        public int SendHighWatermark { set { _of.SetInt(23, value); } }
        public int ReceiveHighWatermark { set { _of.SetInt(24, value); } }
        public TimeSpan ReconnectInterval { set { _of.SetInt(18, (int)value.TotalMilliseconds); } }
        public TimeSpan ReconnectIntervalMax { set { _of.SetInt(21, (int)value.TotalMilliseconds); } }
        public bool TcpKeepalive { set { _of.SetInt(34, value ? 1 : 0); } }
        public long MaxMsgSize { set { _of.SetBytes(22, BitConverter.GetBytes(value)); } }
        public byte[] Identity { set { _of.SetBytes(5, value); } }
        public byte[] CurveServerKey { set { _of.SetBytes(50, value); } }

        public NetMQCertificate CurveCertificate
        {
            set
            {
                _of.SetBytes(49, value.SecretKey);
                _of.SetBytes(48, value.PublicKey);
            }
        }
    }

    /// <summary>A socket. While a poller runs it, no other thread may use it: NetMQ would corrupt its state, this one throws.</summary>
    public abstract class NetMQSocket : ISocketPollable, IDisposable
    {
        internal IntPtr Handle;
        internal Thread Owner;

        protected NetMQSocket(int kind)
        {
            Handle = Zmq.zmq_socket(Zmq.Context, kind);
            if (Handle == IntPtr.Zero) throw Zmq.Failure("socket");
            Options = new SocketOptions(this);
            Options.Linger = NetMQConfig.Linger;
            Interlocked.Increment(ref Zmq.Open);
        }

        public SocketOptions Options { get; private set; }

        NetMQSocket ISocketPollable.Socket { get { return this; } }

        public event EventHandler<NetMQSocketEventArgs> ReceiveReady;

        internal void Ready(object sender) { ReceiveReady?.Invoke(sender, new NetMQSocketEventArgs(this)); }

        public void Bind(string address)
        {
            CheckUse();
            Zmq.Check(Zmq.zmq_bind(Handle, address), "bind " + address);
        }

        /// <summary>Resolves the host first, as NetMQ does: libzmq would try again in the background without a word.</summary>
        public void Connect(string address)
        {
            CheckUse();
            if (address.StartsWith("tcp://", StringComparison.Ordinal)) Resolve(address.Substring(6, address.LastIndexOf(':') - 6));
            Zmq.Check(Zmq.zmq_connect(Handle, address), "connect " + address);
        }

        static void Resolve(string host)
        {
            if (Zmq.Nameless && host == "localhost") throw new System.Net.Sockets.SocketException(11001); // the host is not known
            System.Net.Dns.GetHostAddresses(host);
        }

        public void Disconnect(string address)
        {
            CheckUse();
            Zmq.Check(Zmq.zmq_disconnect(Handle, address), "disconnect " + address);
        }

        public void Close() { Dispose(); }

        public void Dispose()
        {
            if (Handle != IntPtr.Zero) CheckUse();
            IntPtr handle = Interlocked.Exchange(ref Handle, IntPtr.Zero);
            if (handle == IntPtr.Zero) return;
            Zmq.zmq_close(handle);
            Interlocked.Decrement(ref Zmq.Open);
        }

        internal bool IsDisposed { get { return Handle == IntPtr.Zero; } }

        internal void SetInt(int option, int value)
        {
            CheckUse();
            Zmq.Check(Zmq.zmq_setsockopt(Handle, option, ref value, (IntPtr)4), "option " + option);
        }

        internal void SetBytes(int option, byte[] value)
        {
            CheckUse();
            Zmq.Check(Zmq.zmq_setsockopt(Handle, option, value, (IntPtr)value.Length), "option " + option);
        }

        internal bool Send(byte[] frame, bool more, bool wait)
        {
            CheckUse();
            int flags = (wait ? 0 : 1) | (more ? 2 : 0);
            while (Zmq.zmq_send(Handle, frame, (IntPtr)frame.Length, flags) < 0)
            {
                int error = Marshal.GetLastWin32Error();
                if (error == Zmq.Again) return false;
                if (error != Zmq.Interrupted) throw Zmq.Failure("send");
            }
            return true;
        }

        internal byte[] Receive(out bool more)
        {
            CheckUse();
            more = false;
            IntPtr message = Marshal.AllocHGlobal(64);
            try
            {
                Zmq.zmq_msg_init(message);
                while (Zmq.zmq_msg_recv(message, Handle, 1) < 0)
                {
                    int error = Marshal.GetLastWin32Error();
                    if (error == Zmq.Again) return null;
                    if (error != Zmq.Interrupted) throw Zmq.Failure("receive");
                }
                var frame = new byte[(int)Zmq.zmq_msg_size(message)];
                Marshal.Copy(Zmq.zmq_msg_data(message), frame, 0, frame.Length);
                more = Zmq.zmq_msg_more(message) != 0;
                return frame;
            }
            finally
            {
                Zmq.zmq_msg_close(message);
                Marshal.FreeHGlobal(message);
            }
        }

        void CheckUse()
        {
            if (IsDisposed) throw new ObjectDisposedException(GetType().Name);
            if (Owner != null && Owner != Thread.CurrentThread) throw new InvalidOperationException("this socket belongs to the poller's thread");
        }
    }

    public static class OutgoingSocketExtensions
    {
        public static void SendFrame(this NetMQSocket socket, byte[] data, bool more = false) { socket.Send(data, more, true); }

        public static NetMQSocket SendMoreFrame(this NetMQSocket socket, byte[] data)
        {
            socket.Send(data, true, true);
            return socket;
        }

        public static bool TrySendFrame(this NetMQSocket socket, byte[] data, bool more = false) { return socket.Send(data, more, false); }

        /// <summary>All frames or none: only the first can find the queue full.</summary>
        public static bool TrySendMultipartBytes(this NetMQSocket socket, params byte[][] frames)
        {
            for (int at = 0; at < frames.Length; at++)
                if (!socket.Send(frames[at], at < frames.Length - 1, at > 0)) return false;
            return true;
        }
    }

    public static class ReceivingSocketExtensions
    {
        public static bool TryReceiveFrameBytes(this NetMQSocket socket, out byte[] bytes)
        {
            bytes = socket.Receive(out bool more);
            return bytes != null;
        }

        public static bool TryReceiveMultipartBytes(this NetMQSocket socket, ref List<byte[]> frames, int expectedFrameCount = 4)
        {
            byte[] frame = socket.Receive(out bool more);
            if (frame == null) return false;
            frames = new List<byte[]>(expectedFrameCount) { frame };
            while (more) frames.Add(socket.Receive(out more));
            return true;
        }
    }

    public sealed class NetMQTimerEventArgs : EventArgs { }

    public sealed class NetMQTimer
    {
        internal readonly TimeSpan Interval;
        internal DateTime Due = DateTime.MaxValue;

        public NetMQTimer(TimeSpan interval) { Interval = interval; }

        public event EventHandler<NetMQTimerEventArgs> Elapsed;

        internal void Fire(object sender) { Elapsed?.Invoke(sender, new NetMQTimerEventArgs()); }
    }

    public sealed class NetMQQueueEventArgs<T> : EventArgs
    {
        public readonly NetMQQueue<T> Queue;

        public NetMQQueueEventArgs(NetMQQueue<T> queue) { Queue = queue; }
    }

    /// <summary>
    /// A queue that a poller can wait for. Any thread may enqueue; only the poller's may dequeue. In NetMQ an Enqueue after Dispose does not
    /// throw: it waits without end, or fails somewhere in the socket layer. Here it ends the process, so that no test passes over it.
    /// </summary>
    public sealed class NetMQQueue<T> : ISocketPollable, IDisposable
    {
        static readonly byte[] Bell = new byte[0];
        readonly ConcurrentQueue<T> _items = new ConcurrentQueue<T>();
        readonly PairSocket _writer = new PairSocket();
        readonly PairSocket _reader = new PairSocket();
        bool _disposed;

        public NetMQQueue()
        {
            string address = "inproc://queue-" + Interlocked.Increment(ref Zmq.Queues);
            _writer.Options.SendHighWatermark = 0;
            _reader.Options.ReceiveHighWatermark = 0;
            _reader.Bind(address);
            _writer.Connect(address);
            _reader.ReceiveReady += (sender, e) => ReceiveReady?.Invoke(this, new NetMQQueueEventArgs<T>(this));
        }

        NetMQSocket ISocketPollable.Socket { get { return _reader; } }

        public event EventHandler<NetMQQueueEventArgs<T>> ReceiveReady;

        public void Enqueue(T item)
        {
            lock (_writer)
            {
                if (_disposed) Zmq.Die("NetMQQueue.Enqueue after Dispose: NetMQ would wait here without end");
                _items.Enqueue(item);
                _writer.SendFrame(Bell);
            }
        }

        public bool TryDequeue(out T item, TimeSpan timeout)
        {
            item = default(T);
            return _reader.TryReceiveFrameBytes(out byte[] bell) && _items.TryDequeue(out item);
        }

        public void Dispose()
        {
            lock (_writer)
            {
                _disposed = true;
                _writer.Dispose();
                _reader.Dispose();
            }
        }
    }

    /// <summary>
    /// Runs sockets, queues and timers on one thread. As in NetMQ, an exception out of a handler ends the process, and so long as the thread
    /// runs the process does not end, unless RunAsync was told that it is a background thread.
    /// </summary>
    public sealed class NetMQPoller : IDisposable
    {
        readonly List<NetMQSocket> _sockets = new List<NetMQSocket>();
        readonly List<NetMQTimer> _timers = new List<NetMQTimer>();
        readonly NetMQQueue<bool> _stop = new NetMQQueue<bool>();
        Thread _thread;
        bool _disposed;

        public NetMQPoller() { Add(_stop); }

        public bool IsRunning { get { return _thread != null && _thread.IsAlive; } }

        public void Add(ISocketPollable socket) { _sockets.Add(socket.Socket); }

        public void Add(NetMQTimer timer) { _timers.Add(timer); }

        public void RunAsync() { RunAsync("NetMQPollerThread", false); }

        public void RunAsync(string threadName, bool isBackgroundThread)
        {
            CheckDisposed();
            if (IsRunning) throw new InvalidOperationException("this poller runs already");
            _thread = new Thread(Run) { Name = threadName, IsBackground = isBackgroundThread };
            foreach (NetMQSocket socket in _sockets) socket.Owner = _thread;
            _thread.Start();
        }

        public void Stop()
        {
            CheckDisposed();
            if (!IsRunning) throw new InvalidOperationException("this poller does not run");
            if (Thread.CurrentThread == _thread) throw new InvalidOperationException("a poller cannot wait for itself");
            _stop.Enqueue(true);
            _thread.Join();
            _thread = null;
        }

        public void Dispose()
        {
            if (_disposed) return;
            if (IsRunning) Stop();
            _disposed = true;
            _stop.Dispose();
            foreach (NetMQSocket socket in _sockets)
                if (socket.IsDisposed && socket != ((ISocketPollable)_stop).Socket) throw new NetMQException("a socket was disposed before its poller");
        }

        void CheckDisposed()
        {
            if (_disposed) throw new ObjectDisposedException(GetType().Name);
        }

        void Run()
        {
            foreach (NetMQTimer timer in _timers) timer.Due = DateTime.UtcNow + timer.Interval;
            var items = new Zmq.PollItem[_sockets.Count];
            while (!_stop.TryDequeue(out bool stop, TimeSpan.Zero))
            {
                for (int at = 0; at < items.Length; at++) items[at] = new Zmq.PollItem { Socket = _sockets[at].Handle, Events = 1 };
                Zmq.zmq_poll(items, items.Length, (IntPtr)Wait());
                foreach (NetMQTimer timer in _timers)
                    if (timer.Due <= DateTime.UtcNow)
                    {
                        timer.Fire(this);
                        timer.Due = DateTime.UtcNow + timer.Interval;
                    }
                for (int at = 0; at < items.Length; at++)
                    if ((items[at].Ready & 1) != 0 && _sockets[at] != ((ISocketPollable)_stop).Socket) _sockets[at].Ready(this);
            }
            foreach (NetMQSocket socket in _sockets) socket.Owner = null;
        }

        long Wait()
        {
            DateTime due = DateTime.MaxValue;
            foreach (NetMQTimer timer in _timers)
                if (timer.Due < due) due = timer.Due;
            return due == DateTime.MaxValue ? -1 : (long)Math.Max(0, Math.Ceiling((due - DateTime.UtcNow).TotalMilliseconds));
        }
    }
}

namespace NetMQ.Sockets
{
    public sealed class PairSocket : NetMQSocket { public PairSocket() : base(0) { } }

    public sealed class PublisherSocket : NetMQSocket { public PublisherSocket() : base(1) { } }

    public sealed class SubscriberSocket : NetMQSocket
    {
        public SubscriberSocket() : base(2) { }

        public void Subscribe(string topic) { SetBytes(6, System.Text.Encoding.ASCII.GetBytes(topic)); }

        public void Unsubscribe(string topic) { SetBytes(7, System.Text.Encoding.ASCII.GetBytes(topic)); }
    }

    public sealed class RequestSocket : NetMQSocket { public RequestSocket() : base(3) { } }

    public sealed class ResponseSocket : NetMQSocket { public ResponseSocket() : base(4) { } }

    public sealed class DealerSocket : NetMQSocket { public DealerSocket() : base(5) { } }

    public sealed class RouterSocket : NetMQSocket { public RouterSocket() : base(6) { } }

    public sealed class PullSocket : NetMQSocket { public PullSocket() : base(7) { } }

    public sealed class PushSocket : NetMQSocket { public PushSocket() : base(8) { } }

    public sealed class XPublisherSocket : NetMQSocket { public XPublisherSocket() : base(9) { } }
}

namespace NetMQ
{
    /// <summary>libzmq, as Debian's package libzmq5 installs it.</summary>
    static class Zmq
    {
        const string Library = "libzmq.so.5";
        internal const int Again = 11, Interrupted = 4;

        internal static readonly IntPtr Context = zmq_ctx_new();

        /// <summary>Sockets that are open now, for the leak test.</summary>
        internal static int Open;

        internal static int Queues;

        /// <summary>As if no name server answered: even localhost cannot be resolved.</summary>
        internal static volatile bool Nameless;

        [StructLayout(LayoutKind.Sequential)]
        internal struct PollItem
        {
            public IntPtr Socket;
            public int Descriptor;
            public short Events;
            public short Ready;
        }

        /// <summary>
        /// Called just before the process ends, when Mono unloads libzmq: a thread of libzmq's that still ran would crash. Waits for lingering
        /// messages. Does nothing while a socket is open, for which it would wait for ever.
        /// </summary>
        internal static void End()
        {
            if (Open == 0) zmq_ctx_term(Context);
        }

        /// <summary>Ends the process now, with the reason: no catch, no finally and no other thread can hide it.</summary>
        internal static void Die(string why)
        {
            Console.Error.WriteLine("fatal: " + why + Environment.NewLine + Environment.StackTrace);
            Console.Error.Flush();
            _exit(70);
        }

        internal static void Check(int status, string what)
        {
            if (status < 0) throw Failure(what);
        }

        internal static NetMQException Failure(string what)
        {
            return new NetMQException(what + ": " + Marshal.PtrToStringAnsi(zmq_strerror(zmq_errno())));
        }

        [DllImport("libc")] static extern void _exit(int status);
        [DllImport(Library)] internal static extern IntPtr zmq_ctx_new();
        [DllImport(Library)] internal static extern int zmq_ctx_term(IntPtr context);
        [DllImport(Library)] internal static extern IntPtr zmq_socket(IntPtr context, int kind);
        [DllImport(Library)] internal static extern int zmq_close(IntPtr socket);
        [DllImport(Library)] internal static extern int zmq_bind(IntPtr socket, string address);
        [DllImport(Library)] internal static extern int zmq_connect(IntPtr socket, string address);
        [DllImport(Library)] internal static extern int zmq_disconnect(IntPtr socket, string address);
        [DllImport(Library)] internal static extern int zmq_setsockopt(IntPtr socket, int option, ref int value, IntPtr size);
        [DllImport(Library)] internal static extern int zmq_setsockopt(IntPtr socket, int option, byte[] value, IntPtr size);
        [DllImport(Library, SetLastError = true)] internal static extern int zmq_send(IntPtr socket, byte[] buffer, IntPtr size, int flags);
        [DllImport(Library)] internal static extern int zmq_msg_init(IntPtr message);
        [DllImport(Library, SetLastError = true)] internal static extern int zmq_msg_recv(IntPtr message, IntPtr socket, int flags);
        [DllImport(Library)] internal static extern IntPtr zmq_msg_data(IntPtr message);
        [DllImport(Library)] internal static extern IntPtr zmq_msg_size(IntPtr message);
        [DllImport(Library)] internal static extern int zmq_msg_more(IntPtr message);
        [DllImport(Library)] internal static extern int zmq_msg_close(IntPtr message);
        [DllImport(Library)] internal static extern int zmq_poll([In, Out] PollItem[] items, int count, IntPtr timeout);
        [DllImport(Library)] internal static extern int zmq_errno();
        [DllImport(Library)] internal static extern IntPtr zmq_strerror(int error);
    }
}
