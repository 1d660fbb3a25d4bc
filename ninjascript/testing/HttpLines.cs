// What the tests ask the HTTP client without a chart, and what it asks of Windows, on Linux.

using System;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Security.AccessControl;
using System.Security.Principal;
using Tapewire.Http;

namespace Tapewire.Testing
{
    public static class HttpLines
    {
        /// <summary>For each line, a body, the signal in it on a market at 21000 with a tick of 0.25.</summary>
        public static void Answers(TextReader input, TextWriter output)
        {
            var market = new Market { Tick = 0.25, Last = 21000, CloseNs = 1000, LargestOrder = 5, FurthestTicks = 8 };
            for (string line = input.ReadLine(); line != null; line = input.ReadLine())
            {
                SignalAnswer answer = SignalAnswer.Of(new Reply { Body = line, Why = "" }, market);
                string stop = answer.Stop == null ? "-" : ((double)answer.Stop).ToString(CultureInfo.InvariantCulture);
                output.WriteLine(answer.Action + " " + stop + " " + answer.Size + " | " + answer.Why);
            }
        }

        /// <summary>For each line, rights of a file as SID=Right, who else may read it.</summary>
        public static void Keys(TextReader input, TextWriter output)
        {
            for (string line = input.ReadLine(); line != null; line = input.ReadLine())
            {
                var security = new FileSecurity();
                foreach (string right in line.Split(' '))
                {
                    string[] words = right.Split('=');
                    security.AddAccessRule(new FileSystemAccessRule(
                        new SecurityIdentifier(words[0]), (FileSystemRights)Enum.Parse(typeof(FileSystemRights), words[1]), AccessControlType.Allow));
                }
                output.WriteLine(KeyLine.OthersIn(security));
            }
        }

        /// <summary>By the mode of a file on Linux, where Mono has no rights of Windows.</summary>
        public static string Others(string path)
        {
            var asked = new ProcessStartInfo("stat", "-c %a \"" + path + "\"") { RedirectStandardOutput = true, UseShellExecute = false };
            using (Process process = Process.Start(asked))
            {
                string mode = process.StandardOutput.ReadToEnd().Trim();
                return mode.EndsWith("00", StringComparison.Ordinal) ? "" : "another user (mode " + mode + ")";
            }
        }
    }
}
