// Uses the stand-in for NetMQ as it may not be used, to show that it is never kinder than NetMQ.

using System;
using NetMQ;
using NetMQ.Sockets;

namespace Tapewire.Testing
{
    static class Misuse
    {
        /// <summary>The exception that follows, by its name; `nothing` if none does.</summary>
        public static string Try(string what)
        {
            try
            {
                Do(what);
                return "nothing";
            }
            catch (Exception error)
            {
                return error.GetType().Name;
            }
        }

        static void Do(string what)
        {
            var queue = new NetMQQueue<int>();
            var socket = new DealerSocket();
            var poller = new NetMQPoller();
            poller.Add(socket);
            poller.RunAsync("misused", true);
            switch (what)
            {
                case "enqueue after dispose":
                    queue.Dispose();
                    queue.Enqueue(1);
                    break;
                case "send on another thread":
                    socket.TrySendFrame(new byte[1]);
                    break;
                case "connect on another thread":
                    socket.Connect("tcp://127.0.0.1:1");
                    break;
                case "dispose on another thread":
                    socket.Dispose();
                    break;
                case "run twice":
                    poller.RunAsync();
                    break;
                case "stop twice":
                    poller.Stop();
                    poller.Stop();
                    break;
                case "run after dispose":
                    poller.Dispose();
                    poller.RunAsync();
                    break;
                case "socket before poller":
                    poller.Stop();
                    socket.Dispose();
                    poller.Dispose();
                    break;
                case "send after dispose":
                    poller.Dispose();
                    socket.Dispose();
                    socket.TrySendFrame(new byte[1]);
                    break;
                case "option after dispose":
                    poller.Dispose();
                    socket.Dispose();
                    socket.Options.Linger = TimeSpan.Zero;
                    break;
                case "connect after dispose":
                    poller.Dispose();
                    socket.Dispose();
                    socket.Connect("tcp://127.0.0.1:1");
                    break;
                case "unknown host":
                    poller.Dispose();
                    socket.Connect("tcp://no-such-host.invalid:1");
                    break;
            }
        }
    }
}
