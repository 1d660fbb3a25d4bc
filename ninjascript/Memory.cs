// What must outlive the process: which commands were taken, so that none is acted on twice, which fills the gate does not own yet, so that
// none is lost, and what our open position is called.
//
// A text file to which lines are only added. A command is on the disk before it is acknowledged and before anything is sent to the
// market. What dies between the two is found on the next start: taken, and no order of that name in the account.
//
//     epoch 4                                             a life of ours has begun
//     taken command.MNQ.@1:12 place_order MNQ-...-L       before it is acted on
//     ended MNQ-...-L                                     the gate owns the last word on it
//     fill MNQ 7f3a MNQ-...-L ENTRY 2 21003.5 1767.. 1767..   before it is told: its id, order (- for none), role, signed quantity,
//                                                         price, close of its bar, its own time
//     told 7f3a                                           the gate owns it
//     holds MNQ MNQ-...-L 2 21003.5 20990.5 21040         entry, signed quantity, average price, stop, target (- for none)
//     holds MNQ - 0 - - -                                 flat

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Tapewire
{
    /// <summary>A command that was taken.</summary>
    public struct Taken
    {
        public string Instrument, Ref, Type, Id;
    }

    /// <summary>A fill that we have heard of. AtNs is NinjaTrader's time for it.</summary>
    public sealed class Filled
    {
        public string Instrument, Id, OrderId, Role;
        public long Qty, BarNs, AtNs;
        public double Price;
    }

    /// <summary>Our open position in one instrument as it was last written down.</summary>
    public sealed class Held
    {
        public string EntryId = "";
        public long Qty;
        public double Price;
        public double? Stop, Target;
    }

    public sealed class Memory : IDisposable
    {
        const int Longest = 50000; // lines; a busy day writes some hundreds

        readonly object _lock = new object();
        readonly Dictionary<string, Taken> _taken = new Dictionary<string, Taken>();
        readonly HashSet<string> _ended = new HashSet<string>();
        readonly List<string> _order = new List<string>();
        readonly Dictionary<string, Held> _held = new Dictionary<string, Held>();
        readonly HashSet<string> _fills = new HashSet<string>(), _told = new HashSet<string>();
        readonly List<Filled> _heard = new List<Filled>();
        readonly Dictionary<string, KeyValuePair<long, long>> _last = new Dictionary<string, KeyValuePair<long, long>>();
        readonly FileStream _file;

        /// <summary>The highest epoch that any life of ours has used; 0 before the first.</summary>
        public long Epoch { get; private set; }

        /// <exception cref="IOException">The file cannot be opened, or another process of ours has it open.</exception>
        public Memory(string path)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path));
            _file = Open(path);
            try
            {
                string[] lines = Whole(_file);
                foreach (string line in lines) Fold(line.Split(' '));
                if (lines.Length > Longest)
                {
                    File.WriteAllText(path + ".new", Shortened(lines));
                    _file.Dispose();
                    File.Replace(path + ".new", path, null);
                    _file = Open(path);
                }
                _file.Seek(0, SeekOrigin.End);
            }
            catch
            {
                _file.Dispose();
                throw;
            }
        }

        static FileStream Open(string path) { return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read); }

        /// <summary>All whole lines. A last one that a death cut short is taken off the file: it was never acted on.</summary>
        static string[] Whole(FileStream file)
        {
            var content = new byte[file.Length];
            for (int at = 0; at < content.Length;) at += file.Read(content, at, content.Length - at);
            int whole = Array.LastIndexOf(content, (byte)'\n') + 1;
            if (whole < content.Length) file.SetLength(whole);
            return Encoding.UTF8.GetString(content, 0, whole).Split(new[] { '\n' }, StringSplitOptions.RemoveEmptyEntries);
        }

        public void Begin(long epoch)
        {
            lock (_lock)
            {
                Epoch = epoch;
                Add("epoch " + epoch, true);
            }
        }

        /// <summary>Writes down a command before anything is done about it. False if it was taken before, in this life or another.</summary>
        public bool Take(Message message, string instrument, string id)
        {
            lock (_lock)
            {
                if (_taken.ContainsKey(id)) return false;
                Add("taken " + message.Ref + " " + message.Type + " " + id, true);
                Note(new Taken { Instrument = instrument, Ref = message.Ref, Type = message.Type, Id = id });
                _last[message.Topic] = new KeyValuePair<long, long>(message.Header.Epoch, message.Header.Seq);
                return true;
            }
        }

        public bool Knows(string id)
        {
            lock (_lock) return _taken.ContainsKey(id);
        }

        /// <summary>The gate owns our last word on this command.</summary>
        public void End(string id)
        {
            lock (_lock)
                if (_taken.ContainsKey(id) && _ended.Add(id)) Add("ended " + id, false);
        }

        /// <summary>Every command of an instrument that was ever taken, oldest first.</summary>
        public List<Taken> AllOf(string instrument)
        {
            lock (_lock) return _order.FindAll(id => _taken[id].Instrument == instrument).ConvertAll(id => _taken[id]);
        }

        /// <summary>Those of them whose end the gate does not know yet.</summary>
        public List<Taken> Unended(string instrument)
        {
            lock (_lock) return AllOf(instrument).FindAll(command => !_ended.Contains(command.Id));
        }

        /// <summary>Epoch and number of the last command taken from each topic.</summary>
        public List<KeyValuePair<string, KeyValuePair<long, long>>> Last()
        {
            lock (_lock) return new List<KeyValuePair<string, KeyValuePair<long, long>>>(_last);
        }

        /// <summary>Writes down a fill before the gate is told of it. False if it is known from this life or another.</summary>
        public bool Fill(Filled fill)
        {
            lock (_lock)
            {
                if (!_fills.Add(fill.Id)) return false;
                _heard.Add(fill);
                Add(FillLine(fill), false); // what a power cut takes of it, the account still has
                return true;
            }
        }

        /// <summary>The gate owns this fill.</summary>
        public void Told(string id)
        {
            lock (_lock)
                if (_told.Add(id)) Add("told " + Escaped(id), false);
        }

        /// <summary>Every fill of an instrument that we remember, as we heard of them.</summary>
        public List<Filled> Fills(string instrument)
        {
            lock (_lock) return _heard.FindAll(fill => fill.Instrument == instrument);
        }

        /// <summary>Those of them that the gate does not own yet.</summary>
        public List<Filled> Untold(string instrument)
        {
            lock (_lock) return _heard.FindAll(fill => fill.Instrument == instrument && !_told.Contains(fill.Id));
        }

        public void Hold(string instrument, Held held)
        {
            lock (_lock)
            {
                _held[instrument] = held;
                Add(HoldsLine(instrument, held), false);
            }
        }

        /// <summary>Our position as it was last written down; flat if nothing was.</summary>
        public Held HeldIn(string instrument)
        {
            lock (_lock) return _held.TryGetValue(instrument, out Held held) ? held : new Held();
        }

        public void Dispose()
        {
            lock (_lock) _file.Dispose();
        }

        void Note(Taken command)
        {
            if (!_taken.ContainsKey(command.Id)) _order.Add(command.Id);
            _taken[command.Id] = command;
        }

        void Fold(string[] words)
        {
            switch (words[0])
            {
                case "epoch":
                    if (words.Length == 2 && long.TryParse(words[1], out long epoch)) Epoch = Math.Max(Epoch, epoch);
                    break;
                case "taken":
                    if (words.Length == 4) FoldTaken(words);
                    break;
                case "ended":
                    if (words.Length == 2) _ended.Add(words[1]);
                    break;
                case "fill":
                    if (words.Length == 9) FoldFill(words);
                    break;
                case "told":
                    if (words.Length == 2) _told.Add(Uri.UnescapeDataString(words[1]));
                    break;
                case "holds":
                    if (words.Length == 7 && long.TryParse(words[3], out long qty))
                        _held[words[1]] = new Held
                        {
                            EntryId = words[2] == "-" ? "" : words[2],
                            Qty = qty,
                            Price = Number(words[4]) ?? 0,
                            Stop = Number(words[5]),
                            Target = Number(words[6]),
                        };
                    break;
            }
        }

        void FoldFill(string[] words)
        {
            if (!long.TryParse(words[5], out long qty) || !long.TryParse(words[7], out long barNs) || !long.TryParse(words[8], out long atNs)) return;
            string id = Uri.UnescapeDataString(words[2]);
            if (!_fills.Add(id)) return;
            _heard.Add(new Filled
            {
                Instrument = words[1], Id = id, OrderId = words[3] == "-" ? "" : words[3], Role = words[4], Qty = qty, Price = Number(words[6]) ?? 0,
                BarNs = barNs, AtNs = atNs,
            });
        }

        /// <summary>`command.MNQ.@1:12` names topic, epoch and number; the instrument is the topic's second word.</summary>
        void FoldTaken(string[] words)
        {
            int at = words[1].IndexOf('@'), colon = words[1].IndexOf(':');
            if (at < 0 || colon < at) return;
            string topic = words[1].Substring(0, at);
            if (!long.TryParse(words[1].Substring(at + 1, colon - at - 1), out long epoch)) return;
            if (!long.TryParse(words[1].Substring(colon + 1), out long seq)) return;
            string[] parts = topic.Split('.');
            Note(new Taken { Instrument = parts.Length > 1 ? parts[1] : "", Ref = words[1], Type = words[2], Id = words[3] });
            _last[topic] = new KeyValuePair<long, long>(epoch, seq);
        }

        /// <summary>The newer half, what is open, and what we hold. An older id is past its validity and refused for that.</summary>
        string Shortened(string[] lines)
        {
            var kept = new StringBuilder("epoch " + Epoch + "\n");
            foreach (KeyValuePair<string, Held> held in _held) kept.Append(HoldsLine(held.Key, held.Value)).Append('\n');
            for (int at = 0; at < lines.Length; at++)
            {
                string[] words = lines[at].Split(' ');
                bool open = words[0] == "taken" && words.Length == 4 && !_ended.Contains(words[3])
                    || words[0] == "fill" && words.Length == 9 && !_told.Contains(Uri.UnescapeDataString(words[2]));
                if (open || at >= lines.Length / 2 && words[0] != "holds") kept.Append(lines[at]).Append('\n');
            }
            return kept.ToString();
        }

        static string HoldsLine(string instrument, Held held)
        {
            string id = held.EntryId == "" ? "-" : held.EntryId;
            string price = held.Qty == 0 ? "-" : Text(held.Price);
            return "holds " + instrument + " " + id + " " + held.Qty + " " + price + " " + Text(held.Stop) + " " + Text(held.Target);
        }

        static string FillLine(Filled fill)
        {
            string order = fill.OrderId == "" ? "-" : fill.OrderId;
            return "fill " + fill.Instrument + " " + Escaped(fill.Id) + " " + order + " " + fill.Role + " " + fill.Qty + " " + Text(fill.Price) + " "
                + fill.BarNs + " " + fill.AtNs;
        }

        /// <summary>An id of NinjaTrader's as one word.</summary>
        static string Escaped(string id) { return Uri.EscapeDataString(id); }

        void Add(string line, bool sync)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(line + "\n");
            _file.Write(bytes, 0, bytes.Length);
            _file.Flush(sync);
        }

        static string Text(double? value) { return value == null ? "-" : ((double)value).ToString("R", CultureInfo.InvariantCulture); }

        static double? Number(string text)
        {
            return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) ? value : (double?)null;
        }
    }
}
