// The file bridge.txt: which commands were taken, so that none is carried out twice; which fills the gate has not acknowledged, so that
// none is lost; and which entry opened our position.
//
// Lines are only appended. A command is on disk before it is acknowledged and before anything is sent to the market. If the process dies
// between the two, the next start finds a command that was taken, and no order of that name in the account.
//
//     epoch 4                                             a run of ours has begun
//     taken command.MNQ.@1:12 place_order MNQ-...-L       written before the command is carried out
//     ended MNQ-...-L                                     the gate has acknowledged our last message about it
//     fill MNQ 7f3a MNQ-...-L ENTRY 2 21003.5 1767.. 1767..   written before it is reported: instrument, id, order (- for none), role,
//                                                         signed quantity, price, close of its bar, its own time
//     told 7f3a                                           the gate has acknowledged the fill
//     holds MNQ MNQ-...-L 2 21003.5 20990.5 21040         entry, signed quantity, average price, stop, target (- for none)
//     holds MNQ - 0 - - -                                 flat

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Tapewire
{
    /// <summary>A command that was taken: it is on disk, and is carried out at most once.</summary>
    public struct StoredCommand
    {
        public string Instrument, Ref, Type, Id;
    }

    /// <summary>A fill that NinjaTrader has reported, with the order behind it. AtNs is NinjaTrader's time of it.</summary>
    public sealed class StoredFill
    {
        public string Instrument, Id, OrderId, Role;
        public long Qty, BarNs, AtNs;
        public double Price;
    }

    /// <summary>Our open position in one instrument, with its bracket.</summary>
    public sealed class StoredPosition
    {
        public string EntryId = "";
        public long Qty;
        public double Price;
        public double? Stop, Target;
    }

    /// <summary>
    /// What must outlive the process, in memory and in bridge.txt.
    ///
    /// Threads: any. One lock guards everything; a caller waits while a line is written, and for a command until the disk has it.
    /// </summary>
    public sealed class Memory : IDisposable
    {
        const int LongestFile = 50000; // lines; a busy day writes some hundreds

        readonly object _lock = new object();
        readonly Dictionary<string, StoredCommand> _taken = new Dictionary<string, StoredCommand>();
        readonly HashSet<string> _finished = new HashSet<string>();
        readonly List<string> _takenOrder = new List<string>();
        readonly Dictionary<string, StoredPosition> _positions = new Dictionary<string, StoredPosition>();
        readonly HashSet<string> _fillIds = new HashSet<string>(), _acknowledged = new HashSet<string>();
        readonly List<StoredFill> _fills = new List<StoredFill>();
        readonly Dictionary<string, KeyValuePair<long, long>> _lastTaken = new Dictionary<string, KeyValuePair<long, long>>();
        readonly FileStream _file;

        /// <summary>The highest epoch of all our runs; 0 before the first.</summary>
        public long Epoch { get; private set; }

        /// <exception cref="IOException">The file cannot be opened, or another process has it open.</exception>
        public Memory(string path)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path));
            _file = Open(path);
            try
            {
                string[] lines = WholeLines(_file);
                foreach (string line in lines) Read(line.Split(' '));
                if (lines.Length > LongestFile)
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

        /// <summary>All whole lines. A last line that was cut short is removed from the file: nothing was done about it.</summary>
        static string[] WholeLines(FileStream file)
        {
            var content = new byte[file.Length];
            for (int at = 0; at < content.Length;) at += file.Read(content, at, content.Length - at);
            int whole = Array.LastIndexOf(content, (byte)'\n') + 1;
            if (whole < content.Length) file.SetLength(whole);
            return Encoding.UTF8.GetString(content, 0, whole).Split(new[] { '\n' }, StringSplitOptions.RemoveEmptyEntries);
        }

        /// <summary>Begins a run.</summary>
        public void Begin(long epoch)
        {
            lock (_lock)
            {
                Epoch = epoch;
                Append("epoch " + epoch, true);
            }
        }

        /// <summary>Writes a command down before anything is done about it. False if this run or an earlier one took its id.</summary>
        public bool Take(Message message, string instrument, string id)
        {
            lock (_lock)
            {
                if (_taken.ContainsKey(id)) return false;
                Append("taken " + message.Ref + " " + message.Type + " " + id, true);
                Add(new StoredCommand { Instrument = instrument, Ref = message.Ref, Type = message.Type, Id = id });
                _lastTaken[message.Topic] = new KeyValuePair<long, long>(message.Header.Epoch, message.Header.Seq);
                return true;
            }
        }

        public bool HasTaken(string id)
        {
            lock (_lock) return _taken.ContainsKey(id);
        }

        /// <summary>The gate has acknowledged our last message about this command.</summary>
        public void Finish(string id)
        {
            lock (_lock)
                if (_taken.ContainsKey(id) && _finished.Add(id)) Append("ended " + id, false);
        }

        /// <summary>Every command of an instrument, oldest first.</summary>
        public List<StoredCommand> Commands(string instrument)
        {
            lock (_lock) return _takenOrder.FindAll(id => _taken[id].Instrument == instrument).ConvertAll(id => _taken[id]);
        }

        /// <summary>Those about which the gate has not acknowledged a last message.</summary>
        public List<StoredCommand> UnfinishedCommands(string instrument)
        {
            lock (_lock) return Commands(instrument).FindAll(command => !_finished.Contains(command.Id));
        }

        /// <summary>Epoch and number of the last command taken from each topic.</summary>
        public List<KeyValuePair<string, KeyValuePair<long, long>>> LastTaken()
        {
            lock (_lock) return new List<KeyValuePair<string, KeyValuePair<long, long>>>(_lastTaken);
        }

        /// <summary>Writes a fill down before it is reported to the gate. False if this run or an earlier one has it already.</summary>
        public bool Store(StoredFill fill)
        {
            lock (_lock)
            {
                if (!_fillIds.Add(fill.Id)) return false;
                _fills.Add(fill);
                Append(FillLine(fill), false); // no wait for the disk: after a power cut the account still has the fill
                return true;
            }
        }

        /// <summary>The gate has acknowledged this fill.</summary>
        public void Acknowledge(string id)
        {
            lock (_lock)
                if (_acknowledged.Add(id)) Append("told " + Escaped(id), false);
        }

        /// <summary>Every fill of an instrument that the file has, in the order of NinjaTrader's reports.</summary>
        public List<StoredFill> Fills(string instrument)
        {
            lock (_lock) return _fills.FindAll(fill => fill.Instrument == instrument);
        }

        /// <summary>Those that the gate has not acknowledged.</summary>
        public List<StoredFill> UnacknowledgedFills(string instrument)
        {
            lock (_lock) return _fills.FindAll(fill => fill.Instrument == instrument && !_acknowledged.Contains(fill.Id));
        }

        public void Store(string instrument, StoredPosition position)
        {
            lock (_lock)
            {
                _positions[instrument] = position;
                Append(HoldsLine(instrument, position), false);
            }
        }

        /// <summary>Our position as it was last written down; flat without one.</summary>
        public StoredPosition PositionIn(string instrument)
        {
            lock (_lock) return _positions.TryGetValue(instrument, out StoredPosition position) ? position : new StoredPosition();
        }

        public void Dispose()
        {
            lock (_lock) _file.Dispose();
        }

        void Add(StoredCommand command)
        {
            if (!_taken.ContainsKey(command.Id)) _takenOrder.Add(command.Id);
            _taken[command.Id] = command;
        }

        void Read(string[] words)
        {
            switch (words[0])
            {
                case "epoch":
                    if (words.Length == 2 && long.TryParse(words[1], out long epoch)) Epoch = Math.Max(Epoch, epoch);
                    break;
                case "taken":
                    if (words.Length == 4) ReadTaken(words);
                    break;
                case "ended":
                    if (words.Length == 2) _finished.Add(words[1]);
                    break;
                case "fill":
                    if (words.Length == 9) ReadFill(words);
                    break;
                case "told":
                    if (words.Length == 2) _acknowledged.Add(Uri.UnescapeDataString(words[1]));
                    break;
                case "holds":
                    if (words.Length == 7 && long.TryParse(words[3], out long qty))
                        _positions[words[1]] = new StoredPosition
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

        void ReadFill(string[] words)
        {
            if (!long.TryParse(words[5], out long qty) || !long.TryParse(words[7], out long barNs) || !long.TryParse(words[8], out long atNs)) return;
            string id = Uri.UnescapeDataString(words[2]);
            if (!_fillIds.Add(id)) return;
            _fills.Add(new StoredFill
            {
                Instrument = words[1], Id = id, OrderId = words[3] == "-" ? "" : words[3], Role = words[4], Qty = qty, Price = Number(words[6]) ?? 0,
                BarNs = barNs, AtNs = atNs,
            });
        }

        /// <summary>`command.MNQ.@1:12` names topic, epoch and number; the instrument is the topic's second word.</summary>
        void ReadTaken(string[] words)
        {
            int at = words[1].IndexOf('@'), colon = words[1].IndexOf(':');
            if (at < 0 || colon < at) return;
            string topic = words[1].Substring(0, at);
            if (!long.TryParse(words[1].Substring(at + 1, colon - at - 1), out long epoch)) return;
            if (!long.TryParse(words[1].Substring(colon + 1), out long seq)) return;
            string[] parts = topic.Split('.');
            Add(new StoredCommand { Instrument = parts.Length > 1 ? parts[1] : "", Ref = words[1], Type = words[2], Id = words[3] });
            _lastTaken[topic] = new KeyValuePair<long, long>(epoch, seq);
        }

        /// <summary>The newer half, everything unfinished, and our positions. The order of an older id has expired, so its repeat is refused.</summary>
        string Shortened(string[] lines)
        {
            var kept = new StringBuilder("epoch " + Epoch + "\n");
            foreach (KeyValuePair<string, StoredPosition> each in _positions) kept.Append(HoldsLine(each.Key, each.Value)).Append('\n');
            for (int at = 0; at < lines.Length; at++)
            {
                string[] words = lines[at].Split(' ');
                bool unfinished = words[0] == "taken" && words.Length == 4 && !_finished.Contains(words[3])
                    || words[0] == "fill" && words.Length == 9 && !_acknowledged.Contains(Uri.UnescapeDataString(words[2]));
                if (unfinished || at >= lines.Length / 2 && words[0] != "holds") kept.Append(lines[at]).Append('\n');
            }
            return kept.ToString();
        }

        static string HoldsLine(string instrument, StoredPosition position)
        {
            string id = position.EntryId == "" ? "-" : position.EntryId;
            string price = position.Qty == 0 ? "-" : Text(position.Price);
            return "holds " + instrument + " " + id + " " + position.Qty + " " + price + " " + Text(position.Stop) + " " + Text(position.Target);
        }

        static string FillLine(StoredFill fill)
        {
            string order = fill.OrderId == "" ? "-" : fill.OrderId;
            return "fill " + fill.Instrument + " " + Escaped(fill.Id) + " " + order + " " + fill.Role + " " + fill.Qty + " " + Text(fill.Price) + " "
                + fill.BarNs + " " + fill.AtNs;
        }

        /// <summary>An id of NinjaTrader's without spaces.</summary>
        static string Escaped(string id) { return Uri.EscapeDataString(id); }

        void Append(string line, bool sync)
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
