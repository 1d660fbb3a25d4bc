// The test programs, one verb each. They run on Linux under Mono and are not for a trading PC.

using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Threading;
using NinjaTrader.Data;

namespace Tapewire.Testing
{
    public static class Program
    {
        public static int Main(string[] arguments)
        {
            string verb = arguments.Length == 0 ? "" : arguments[0];
            switch (verb)
            {
                case "golden":
                    CodecLines.Golden(Console.In, Console.Out);
                    return 0;
                case "fuzz":
                    CodecLines.Fuzz(Console.In, Console.Out);
                    return 0;
                case "plausible":
                    CodecLines.Plausible(Console.In, Console.Out);
                    return 0;
                case "ordered":
                    CodecLines.Ordered(Console.In, Console.Out);
                    return 0;
                case "keys":
                    Keys();
                    return 0;
                case "answers":
                    HttpLines.Answers(Console.In, Console.Out);
                    return 0;
                case "http-keys":
                    HttpLines.Keys(Console.In, Console.Out);
                    return 0;
                case "play":
                    Play(new Arguments(arguments));
                    NetMQ.Zmq.End();
                    return 0;
                case "serve":
                    Serve(new Arguments(arguments));
                    NetMQ.Zmq.End();
                    return 0;
                case "cycles":
                    int status = Cycles(new Arguments(arguments));
                    NetMQ.Zmq.End();
                    return status;
                case "closing":
                    return Close(new Arguments(arguments));
                case "unloading":
                    var unloading = new Arguments(arguments);
                    Closing.Unload(new Host(unloading.Host()), unloading.Int("times", 100), Console.Out);
                    NetMQ.Zmq.End();
                    return 0;
                case "leave":
                    Leave(new Arguments(arguments));
                    return 0;
                case "misuse":
                    Console.WriteLine(Misuse.Try(arguments[1]));
                    return 0;
            }
            Console.Error.WriteLine("verbs: golden, fuzz, plausible, ordered, keys, answers, http-keys, play, serve, cycles, closing, unloading, leave, misuse");
            return 64;
        }

        /// <summary>For each line of the input, a folder, the public halves in its key file (its own, the daemons'), or why it has no key.</summary>
        static void Keys()
        {
            for (string folder = Console.ReadLine(); folder != null; folder = Console.ReadLine())
            {
                KeyFile key = KeyFile.Read(folder, out string why);
                Console.WriteLine(key == null ? why : "key " + BitConverter.ToString(key.Public) + " " + BitConverter.ToString(key.Server));
            }
        }

        /// <summary>
        /// Plays an export to the real daemons in lockstep, from the bar after the last one in the file `--broker`. `--tell N` prints `bar` and
        /// its number every N bars. With `--moments 1` it prints the broker's state at the start and after each change, also in the middle
        /// of a bar, and waits for an answer: `go`, or `reload` to reload the strategy first. At the end it prints `played` and stays
        /// until its input ends.
        /// </summary>
        static void Play(Arguments given)
        {
            HostOptions options = given.Host();
            int tell = given.Int("tell", 0);
            var host = new Host(options);
            int from = Math.Max(given.Int("from", 0), host.Next);
            int to = Math.Min(given.Int("to", host.Count), host.Count);
            using (var decisions = new Decisions(options))
            {
                var lockstep = new Lockstep(host, decisions);
                string stood = given.Flag("moments") ? "" : null;
                Action<int> moment = next =>
                {
                    while (stood != null && stood != host.Stands)
                    {
                        stood = host.Stands;
                        Console.WriteLine("stands " + next + " " + stood);
                        if (Console.ReadLine() != "reload") continue;
                        host.Unload();
                        host.Load(next);
                        lockstep.Join();
                        stood = "";
                    }
                };
                host.Load(from);
                lockstep.Join();
                moment(from);
                for (int at = from; at < to; at++)
                {
                    lockstep.Bar(at, moment);
                    if (tell > 0 && at % tell == 0) Console.WriteLine("bar " + at);
                }
                lockstep.Finish();
                Tell(host.Bridge);
                Console.WriteLine("played");
                Console.In.ReadToEnd(); // stays, so that a reader can still request what it has missed
                host.Unload();
            }
        }

        /// <summary>A chart that `Serve` drives, and its bar that closes next.</summary>
        sealed class Chart
        {
            public Host Host;
            public int Next;
        }

        /// <summary>
        /// Loads the strategy after `--from` bars, or after the last bar in the file `--broker`, and carries out the lines of its input. Each is
        /// answered with `done`: bar, load, unload, lost, connected, foreign N (a person trades N contracts), strip (a person cancels the
        /// bracket), charge N (the broker books N dollars as a fee), account NAME CASH (another account, of a live connection), lights, corner (the text in the chart's corner), printed (what NinjaTrader's log has), sockets (how many are open), print SECONDS PRICE SIZE BID ASK (a trade in the bar that closes next), storm N (so many trades at once), stands (the broker's state), names
        /// (a name server answers from now on; with `--nameless 1` none did), quit.
        ///
        /// With `--signals FOLDER` the strategy is SignalFileTrader, and `--live 1` gives it the time of this machine. With `--http PORT` or
        /// `--https ADDRESS` it is TapewireHttp.
        ///
        /// `chart NAME INSTRUMENT ROOT BEGIN` opens another chart, of this instrument with the data of ROOT from bar BEGIN on. A line that begins
        /// with `on NAME` is for that chart; `indicator` loads TapewireBars instead of the strategy.
        /// </summary>
        static void Serve(Arguments given)
        {
            HostOptions options = given.Host();
            Tapewire.Http.KeyLine.Others = HttpLines.Others;
            NetMQ.Zmq.Nameless = given.Flag("nameless");
            int from = given.Int("from", 0);
            var charts = new Dictionary<string, Chart>();
            Func<string, HostOptions, Chart> open = (name, of) =>
            {
                var host = new Host(of);
                return charts[name] = new Chart { Host = host, Next = Math.Max(from - of.Begin, host.Next) };
            };
            Chart first = open(options.Instrument, options);
            ConcurrentQueue<string> lines = Lines();
            first.Host.Load(first.Next);
            Console.WriteLine("done load");
            while (true)
            {
                foreach (Chart each in charts.Values) each.Host.Pump();
                if (!lines.TryDequeue(out string line)) continue;
                if (line == "quit") break;
                var words = new List<string>(line.Split(' '));
                Chart chart = first;
                if (words[0] == "on")
                {
                    chart = charts[words[1]];
                    words.RemoveRange(0, 2);
                }
                if (words[0] == "chart") open(words[1], options.For(words[2], words[3], int.Parse(words[4], CultureInfo.InvariantCulture)));
                else if (words[0] == "sockets") Console.WriteLine(NetMQ.Zmq.Open);
                else if (words[0] == "names") NetMQ.Zmq.Nameless = false;
                else Do(words, chart);
                Console.WriteLine("done " + words[0]);
            }
            foreach (Chart each in charts.Values)
                if (each.Host.Script != null) each.Host.Unload();
        }

        static void Do(List<string> words, Chart chart)
        {
            Host host = chart.Host;
            if (words[0] == "bar")
            {
                host.Trade(chart.Next);
                if (host.Script != null) host.Close(chart.Next);
                chart.Next++;
            }
            else if (words[0] == "print") host.Print(chart.Next, Decimal(words[1]), Decimal(words[2]), (long)Decimal(words[3]), Decimal(words[4]), Decimal(words[5]));
            else if (words[0] == "storm") Storm(host, chart.Next, int.Parse(words[1], CultureInfo.InvariantCulture));
            else if (words[0] == "unload") host.Unload();
            else if (words[0] == "load") host.Load(chart.Next);
            else if (words[0] == "indicator") host.LoadIndicator(chart.Next);
            else if (words[0] == "lost") host.Connected(NinjaTrader.Cbi.ConnectionStatus.ConnectionLost);
            else if (words[0] == "connected") host.Connected(NinjaTrader.Cbi.ConnectionStatus.Connected);
            else if (words[0] == "foreign") host.Foreign(int.Parse(words[1], CultureInfo.InvariantCulture));
            else if (words[0] == "strip") host.Strip();
            else if (words[0] == "charge") host.Charge(double.Parse(words[1], CultureInfo.InvariantCulture));
            else if (words[0] == "account") Host.AddAccount(words[1], double.Parse(words[2], CultureInfo.InvariantCulture), NinjaTrader.Cbi.Provider.Provider1);
            else if (words[0] == "stands") Console.WriteLine(host.Stands);
            else if (words[0] == "lights") Tell(host.Bridge);
            else if (words[0] == "corner") Console.WriteLine(host.Script.Corner);
            else if (words[0] == "printed") foreach (string line in host.Script.Printed) Console.WriteLine(line);
        }

        static double Decimal(string word) { return double.Parse(word, CultureInfo.InvariantCulture); }

        /// <summary>So many trades as fast as they can be told, within the minute of a bar.</summary>
        static void Storm(Host host, int at, int trades)
        {
            for (int trade = 0; trade < trades; trade++)
            {
                double price = 21000 + trade % 8 * 0.25;
                host.Print(at, 60.0 * trade / trades, price, 1, price - 0.25, price);
            }
        }

        /// <summary>The lines of the input as they come, and `quit` at its end.</summary>
        static ConcurrentQueue<string> Lines()
        {
            var lines = new ConcurrentQueue<string>();
            var reader = new Thread(() =>
            {
                for (string line = Console.ReadLine(); line != null; line = Console.ReadLine()) lines.Enqueue(line);
                lines.Enqueue("quit");
            });
            reader.IsBackground = true;
            reader.Start();
            return lines;
        }

        /// <summary>Loads and unloads the strategy `--times` times, and prints after each tenth how many threads, descriptors and sockets there are.</summary>
        static int Cycles(Arguments given)
        {
            HostOptions options = given.Host();
            int times = given.Int("times", 200), from = given.Int("from", 0);
            var host = new Host(options);
            for (int time = 1; time <= times; time++)
            {
                host.Load(from);
                host.Trade(from);
                host.Close(from);
                for (int wait = 0; wait < 2000 && host.Bridge.Transport.LeaseAgeMs < 0; wait++) host.Pump();
                if (host.Bridge.Transport.LeaseAgeMs < 0) return 1;
                host.Unload();
                if (time % (times / 10) == 0)
                    Console.WriteLine(
                        "cycle " + time + " threads " + Directory.GetDirectories("/proc/self/task").Length + " descriptors "
                        + Directory.GetFiles("/proc/self/fd").Length + " sockets " + NetMQ.Zmq.Open);
            }
            return 0;
        }

        /// <summary>Closes the transport `--times` times while two threads talk to it, and prints how many words they said.</summary>
        static int Close(Arguments given)
        {
            var closing = new Closing(given.Text("folder", "."));
            string wrong = closing.Run(given.Int("times", 400));
            Console.WriteLine(wrong == "" ? "words " + closing.Words : wrong);
            NetMQ.Zmq.End();
            return wrong == "" ? 0 : 1;
        }

        /// <summary>Opens the transport and returns, as if NinjaTrader ended without a script having ended.</summary>
        static void Leave(Arguments given)
        {
            string folder = given.Text("folder", ".");
            Transport.Open(new TransportSettings { Folder = folder }, new Closing(folder));
        }

        static void Tell(NinjaTrader.NinjaScript.Strategies.TapewireBridge bridge)
        {
            Console.WriteLine(bridge.Lights(bridge.Transport));
            foreach (string line in bridge.Printed) Console.WriteLine(line);
        }
    }

    /// <summary>The `--name value` pairs after the verb.</summary>
    public sealed class Arguments
    {
        readonly Dictionary<string, string> _values = new Dictionary<string, string>();

        public Arguments(string[] arguments)
        {
            for (int at = 1; at + 1 < arguments.Length; at += 2) _values[arguments[at].TrimStart('-')] = arguments[at + 1];
        }

        public string Text(string name, string absent) { return _values.TryGetValue(name, out string value) ? value : absent; }

        public int Int(string name, int absent) { return (int)Number(name, absent); }

        public double Number(string name, double absent)
        {
            return _values.TryGetValue(name, out string value) ? double.Parse(value, CultureInfo.InvariantCulture) : absent;
        }

        public bool Flag(string name) { return Int(name, 0) != 0; }

        public HostOptions Host()
        {
            var options = new HostOptions
            {
                Data = Text("data", "."),
                Instrument = Text("instrument", "MNQ"),
                Root = Text("root", "NQ"),
                Account = Text("account", "Replay"),
                Folder = Text("folder", "."),
                BrokerFile = Text("broker", ""),
                Signals = Text("signals", ""),
                TradedAccount = Text("traded", ""),
                HttpPort = Int("http", 0),
                HttpAddress = Text("https", ""),
                HttpHistory = Int("history", 0),
                LargestOrder = Int("largest", 100),
                LevelsDate = Text("levels-of", ""),
                Levels = Text("levels", ""),
                Live = Flag("live"),
                Month = Text("month", "03-26"),
                Closes = Text("closes", ""),
                Cash = Number("cash", 150000),
                DaemonHost = Text("host", "127.0.0.1"),
                BasePort = Int("base-port", 6550),
                GraceMs = Int("grace", 250),
                WithTicks = Flag("ticks"),
                TickWindowMs = Int("tick-window", 100),
                HoldMs = Int("hold", 30000),
                Historical = Int("historical", 0),
                Invented = Int("invent", 0),
                Inline = Flag("inline"),
                CrossFirst = Flag("cross-first"),
                Volumetric = Int("volumetric", 1) != 0,
                WithCross = Int("cross", 1) != 0,
                Terms = new Terms
                {
                    Tick = Number("tick", 0.25), PointValue = Number("point-value", 2), Commission = Number("commission", 0.62), SlippageTicks = Int("slippage", 1),
                },
            };
            Publisher.MostBars = Int("most-bars", Publisher.MostBars);
            Ticker.Most = Int("most-ticks", Ticker.Most);
            Book.LapseMs = Int("lapse", (int)Book.LapseMs);
            options.Period = Period(Text("period", ""));
            options.Luck.Partial = Flag("partial");
            options.Luck.Late = Flag("late");
            options.Luck.Slow = Flag("slow");
            options.Luck.Stuck = Flag("stuck");
            options.Luck.RejectExits = Flag("reject-exits");
            options.Luck.RejectStops = Flag("reject-stops");
            options.Luck.Cross = Int("cross-cancels", 0);
            options.Luck.Forgets = Flag("forgets");
            options.Luck.Reject = Int("reject", 0);
            options.Luck.Ignore = Int("ignore", 0);
            return options;
        }

        /// <summary>`Tick 100`, `Volumetric Range 8`; null for an empty text.</summary>
        static BarsPeriod Period(string text)
        {
            if (text == "") return null;
            string[] words = text.Split(' ');
            var type = (BarsPeriodType)Enum.Parse(typeof(BarsPeriodType), words[words.Length - 2]);
            int value = int.Parse(words[words.Length - 1], CultureInfo.InvariantCulture);
            if (words.Length == 2) return new BarsPeriod { BarsPeriodType = type, Value = value };
            return new BarsPeriod { BarsPeriodType = BarsPeriodType.Volumetric, BaseBarsPeriodType = type, BaseBarsPeriodValue = value };
        }
    }
}
