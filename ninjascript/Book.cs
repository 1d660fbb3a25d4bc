// The gate's commands in one instrument, from the link to NinjaTrader, and what becomes of them, from NinjaTrader to the gate.
//
// NinjaTrader may report inside the call that caused the report, later, in any order, and more than once: an acknowledgement after the
// fill, a fill after the cancel. So nothing here waits. Each report is matched to its order by name. Each message to the gate has an id made
// of the order and its status, so that a repeat is harmless.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>Sends a message to the gate; `acknowledged` runs on another thread, once the gate has the message on disk (null: nothing).</summary>
    public delegate void Deliver(Body body, long eventNs, string cause, Action acknowledged);

    /// <summary>
    /// Carries out or refuses commands, follows their orders by NinjaTrader's reports, and sends order updates and fills to the gate.
    ///
    /// Threads: not safe for several at once; the caller holds its lock around every call. No lock may be held while NinjaTrader is called,
    /// because NinjaTrader may hold locks of its own when it calls back. So a book never calls NinjaTrader: it leaves its actions in Todo.
    /// </summary>
    public sealed class Book
    {
        public const string SessionEndName = "Exit on session close";
        const string Lapsed = "LEASE: no lease from the gate for 5 s";
        const string Unprotected = "tapewire-unprotected"; // the name of our own emergency exit
        const long PatienceMs = 3000; // for NinjaTrader to report an order, a moved bracket, or a cancel

        /// <summary>How old the gate's last lease may be while an entry works. Only tests change it.</summary>
        internal static long LapseMs = Checks.LeaseMs;

        /// <summary>A command of the gate's, of any kind, and its state.</summary>
        sealed class CommandRecord
        {
            public string Id, Ref, Type;
            public long EventNs, Qty, Filled, ReceivedMs, LapsedMs, ValidUntilNs = long.MaxValue;
            public double? Limit, Stop, Target;
            public bool Accepted, Refused;
            public readonly List<OrderUpdate> Sent = new List<OrderUpdate>();
        }

        readonly string _instrument, _account;
        readonly Memory _memory;
        readonly Deliver _deliver;
        readonly Func<long, long> _barIndex;
        readonly Action<string, string> _alarm;
        readonly OpenPosition _position;
        readonly Dictionary<string, CommandRecord> _commands = new Dictionary<string, CommandRecord>();
        readonly List<CommandRecord> _moves = new List<CommandRecord>();
        CommandRecord _entry, _exit; // that are working; null without one
        PlaceOrder _next; // the entry that waits until the close before it has filled: it is _entry, too; null without one
        string _halted = "";
        List<Action<IDesk>> _todo = new List<Action<IDesk>>();

        /// <param name="barIndex">The number of the chart's bar with this close.</param>
        public Book(string instrument, string account, Memory memory, Func<long, long> barIndex, Deliver deliver, Action<string, string> alarm)
        {
            _instrument = instrument;
            _account = account;
            _memory = memory;
            _barIndex = barIndex;
            _deliver = deliver;
            _alarm = alarm;
            _position = new OpenPosition(instrument, memory);
        }

        /// <summary>Why entries are stopped until the strategy is enabled again; empty if they are not.</summary>
        public string Halted { get { return _halted; } }

        public long Entries { get; private set; }
        public long Fills { get; private set; }
        public long Refusals { get; private set; }

        public void Halt(string why)
        {
            if (_halted == "") _halted = why;
        }

        /// <summary>The actions for NinjaTrader, in order. Each is returned once.</summary>
        public List<Action<IDesk>> Todo()
        {
            List<Action<IDesk>> todo = _todo;
            if (todo.Count > 0) _todo = new List<Action<IDesk>>();
            return todo;
        }

        void Do(Action<IDesk> action) { _todo.Add(action); }

        void Cancel(string orderName) { Do(desk => desk.Cancel(orderName)); }

        /// <summary>The command was carried out or refused in this run, or taken in an earlier one.</summary>
        public bool Has(string id) { return _commands.ContainsKey(id); }

        // --- commands ------------------------------------------------------------------------------------------------------

        /// <summary>Adds what the book contributes to the context of a check.</summary>
        public OrderContext AddTo(OrderContext context)
        {
            context.Account = _account;
            context.WorkingEntry = _entry == null ? "" : _entry.Id;
            context.WorkingExit = _exit == null ? "" : _exit.Id;
            context.HeldEntry = _position.EntryId;
            context.HeldQty = _position.Qty;
            context.Stop = _position.Stop;
            if (_halted != "") context.Halted = _halted;
            return context;
        }

        /// <summary>Carries out a command that is on disk and acknowledged, or refuses it.</summary>
        public void Execute(Message message, OrderContext bare, long nowMs)
        {
            var command = (Command)message.Body;
            OrderContext context = AddTo(bare);
            var record = new CommandRecord
            {
                Id = command.Id, Ref = message.Ref, Type = message.Type, EventNs = message.Header.EventNs, ReceivedMs = nowMs,
            };
            _commands[record.Id] = record;
            if (command is PlaceOrder place) Enter(record, place, context);
            else if (command is ClosePosition close) Exit(record, close, context);
            else if (command is MoveBracket move) Move(record, move, context);
            else Cancel(record, (CancelOrder)command, context);
        }

        void Enter(CommandRecord record, PlaceOrder place, OrderContext context)
        {
            string refusal = Checks.Entry(place, context);
            if (refusal != "")
            {
                Refuse(record, refusal);
                return;
            }
            record.Qty = place.Qty;
            record.Limit = place.Limit;
            record.ValidUntilNs = place.ValidUntilNs;
            _entry = record;
            Entries++;
            if (place.After == "" || _exit == null)
            {
                Do(desk => desk.Enter(place));
                return;
            }
            // NinjaTrader would add the open position to an order that opposes it, and the close would close it a second time.
            _next = place;
            record.Accepted = true;
            Send(record, OrderUpdate.Accepted, "", false);
        }

        /// <summary>The entry that has waited, once the position before it is closed. Without the close there is no entry.</summary>
        /// <param name="flat">NinjaTrader counts no position either, in the account and in the strategy, and entries are not stopped.</param>
        void Follow(long nowMs, bool flat)
        {
            if (_next == null || _exit != null) return;
            PlaceOrder place = _next;
            CommandRecord record = _entry;
            if (_position.Qty != 0)
            {
                _next = null;
                StopsWorking(record);
                Refuse(record, "AFTER: " + place.After + " was not carried out");
            }
            else if (flat)
            {
                _next = null;
                record.Accepted = false; // NinjaTrader has not seen it yet, and may ignore it
                record.ReceivedMs = nowMs;
                Do(desk => desk.Enter(place));
            }
        }

        /// <summary>Cancels the entry that works; one that waits has no order at NinjaTrader.</summary>
        void CancelEntry(string detail)
        {
            if (_next == null)
            {
                Cancel(_entry.Id);
                return;
            }
            CommandRecord record = _entry;
            _next = null;
            StopsWorking(record);
            Send(record, OrderUpdate.Cancelled, detail, true);
        }

        void Exit(CommandRecord record, ClosePosition close, OrderContext context)
        {
            string refusal = Checks.Exit(close, context);
            if (refusal != "")
            {
                Refuse(record, refusal);
                return;
            }
            if (_entry != null) CancelEntry(""); // the rest of a partly filled entry
            string entryId = _position.OwnEntryId;
            long qty = context.Qty != 0 ? context.Qty : _position.Qty;
            record.Qty = Math.Abs(qty);
            _exit = record;
            Do(desk => desk.Exit(record.Id, entryId, qty));
        }

        void Move(CommandRecord record, MoveBracket move, OrderContext context)
        {
            string refusal = Checks.Move(move, context);
            if (refusal != "")
            {
                Refuse(record, refusal);
                return;
            }
            record.Stop = move.Stop;
            record.Target = move.Target;
            _moves.Add(record);
            string entryId = _position.EntryId;
            bool found = _position.Found;
            Do(desk => desk.Move(entryId, move.Stop, move.Target, found));
        }

        void Cancel(CommandRecord record, CancelOrder cancel, OrderContext context)
        {
            string refusal = Checks.Any(cancel, context);
            if (refusal == "" && (_entry == null || _entry.Id != cancel.OrderId)) refusal = "WORKING: " + cancel.OrderId + " is not working";
            if (refusal != "")
            {
                Refuse(record, refusal);
                return;
            }
            CancelEntry("cancelled on request");
            Send(record, OrderUpdate.Done, "", true);
        }

        /// <summary>Answers a repeat of a command with the same messages as before; with nothing if an earlier run took it.</summary>
        public void Repeat(Message message)
        {
            if (!_commands.TryGetValue(((Command)message.Body).Id, out CommandRecord record)) return;
            foreach (OrderUpdate update in record.Sent) _deliver(update, record.EventNs, record.Ref, null);
        }

        /// <summary>Refuses a command that cannot be carried out here at all.</summary>
        public void Refuse(Message message, string id, string why)
        {
            Refuse(new CommandRecord { Id = id, Ref = message.Ref, EventNs = message.Header.EventNs }, why);
        }

        void Refuse(CommandRecord record, string why)
        {
            Refusals++;
            record.Refused = true;
            Send(record, OrderUpdate.Rejected, why, true);
        }

        // --- NinjaTrader's order reports -----------------------------------------------------------------------------------

        public void OnOrder(OrderReport report)
        {
            if (OpenPosition.IsBracket(report.Name)) OnBracket(report);
            else if (report.Name == Unprotected) OnEmergency(report);
            else if (_commands.TryGetValue(report.Name, out CommandRecord record)) OnOrder(record, report);
        }

        void OnOrder(CommandRecord record, OrderReport report)
        {
            if (record.Refused && report.Stage == OrderStage.Working)
            {
                // The gate has our REJECTED already.
                _alarm("late_order", record.Id + " appeared after it was reported as rejected; it is cancelled");
                Cancel(record.Id);
                return;
            }
            switch (report.Stage)
            {
                case OrderStage.Working:
                case OrderStage.Filled:
                    if (!record.Accepted && !record.Refused)
                    {
                        record.Accepted = true;
                        Send(record, OrderUpdate.Accepted, "", false);
                    }
                    break;
                case OrderStage.Cancelled:
                    StopsWorking(record);
                    Send(record, OrderUpdate.Cancelled, record.LapsedMs > 0 ? Lapsed : report.Detail, true);
                    break;
                case OrderStage.Rejected:
                    StopsWorking(record);
                    Refuse(record, "NINJATRADER: " + report.Detail);
                    break;
            }
        }

        void OnBracket(OrderReport report)
        {
            _position.OnBracket(report);
            if (report.Stage == OrderStage.Rejected && _position.Qty != 0)
            {
                bool stop = report.Name == OpenPosition.StopName;
                _alarm("bracket_rejected", report.Name + " of " + _position.EntryId + " was refused (" + report.Detail + "); " +
                    (stop ? "the position is closed, because nothing protects it" : "the stop stays"));
                if (stop) Emergency(_position.OwnEntryId);
            }
            if (_position.Qty != 0) Confirm();
            _position.Store();
        }

        /// <summary>Closes a position that nothing protects, and cancels the rest of its entry, which nothing would protect either.</summary>
        void Emergency(string entryId)
        {
            long qty = _position.Qty;
            if (_entry != null) CancelEntry("the position before it had to be closed");
            Do(desk => desk.Exit(Unprotected, entryId, qty));
        }

        /// <summary>NinjaTrader's word on the emergency exit. If it refuses that too, a person must act.</summary>
        void OnEmergency(OrderReport report)
        {
            if (report.Stage != OrderStage.Rejected || _position.Qty == 0) return;
            Halt("the position of " + _position.EntryId + " has no stop, and NinjaTrader refuses to close it (" + report.Detail + "); close it by hand");
            _alarm("unprotected", _halted);
        }

        /// <summary>Answers moves with DONE whose prices rest where they should. To be called after the actions in Todo have run.</summary>
        public void Confirm()
        {
            foreach (CommandRecord move in _moves.ToArray())
            {
                if (move.Stop != null && move.Stop != _position.Stop || move.Target != null && move.Target != _position.Target) continue;
                _moves.Remove(move);
                Send(move, OrderUpdate.Done, "", true);
            }
        }

        void StopsWorking(CommandRecord record)
        {
            if (_entry == record) _entry = null;
            if (_exit == record) _exit = null;
        }

        // --- NinjaTrader's fills --------------------------------------------------------------------------------------------

        /// <summary>A fill, which NinjaTrader may report more than once, in this run or in several. The first report counts.</summary>
        public void OnFill(FillReport report)
        {
            StoredFill fill = Attributed(report);
            if (!_memory.Store(fill)) return;
            Fills++;
            bool last = false;
            if (_commands.TryGetValue(fill.OrderId, out CommandRecord record) && IsOwn(fill))
            {
                record.Filled += Math.Abs(fill.Qty);
                last = record.Filled >= record.Qty;
                if (last) StopsWorking(record);
            }
            Apply(fill);
            Send(fill, last);
        }

        /// <summary>A fill with the order behind it and the part that it plays.</summary>
        StoredFill Attributed(FillReport report)
        {
            string role = Role(report, out string orderId);
            return new StoredFill
            {
                Instrument = _instrument, Id = report.Id, OrderId = orderId, Role = role, Qty = report.Qty, Price = report.Price, BarNs = report.BarNs,
                AtNs = report.AtNs,
            };
        }

        /// <summary>A command of ours filled, whose id the order has.</summary>
        static bool IsOwn(StoredFill fill) { return fill.Role == "ENTRY" || fill.Role == "EXIT"; }

        string Role(FillReport fill, out string orderId)
        {
            orderId = fill.Name;
            if (_commands.TryGetValue(fill.Name, out CommandRecord record)) return record.Type == "close_position" ? "EXIT" : "ENTRY";
            string entry = fill.FromEntry != "" ? fill.FromEntry : _position.EntryId;
            orderId = entry;
            if (entry != "" && (fill.Name == OpenPosition.StopName || fill.Name == Unprotected)) return "STOP"; // both end what is at risk
            if (entry != "" && fill.Name == OpenPosition.TargetName) return "TARGET";
            if (entry != "" && fill.Name == SessionEndName) return _exit != null ? ByExit(out orderId) : "SESSION_END";
            orderId = "";
            return "FOREIGN";
        }

        /// <summary>The end of the session closed what a command was about to close.</summary>
        string ByExit(out string orderId)
        {
            orderId = _exit.Id;
            return "EXIT";
        }

        /// <summary>What a fill does to our position.</summary>
        void Apply(StoredFill fill)
        {
            if (fill.Role == "FOREIGN" && _position.Qty == 0) return; // a position of another trader's: in the account, not in this book
            if (fill.Role == "FOREIGN" && !_position.Found)
            {
                _position.Disown();
                Halt("another trader traded in the position of " + _position.EntryId + "; when it is flat, enable the strategy again");
                _alarm("foreign_fill", _halted);
            }
            string entryId = _position.EntryId;
            if (_position.Fill(fill.Qty, fill.Price, fill.Role == "ENTRY" ? fill.OrderId : "")) Flatten(entryId);
            _position.Store();
        }

        void Flatten(string entryId)
        {
            _exit = null;
            if (_position.Found) Do(desk => desk.CancelBracket(entryId)); // NinjaTrader cancels only brackets that it counts as this run's
            _position.Clear();
            foreach (CommandRecord move in _moves) Refuse(move, "POSITION: the position is closed");
            _moves.Clear();
        }

        // --- time -----------------------------------------------------------------------------------------------------------

        /// <summary>A bar has closed: cancels an entry that is not valid any more.</summary>
        public void OnBar(long closeNs)
        {
            if (_entry == null) return;
            bool expired = _entry.Limit == null ? closeNs > _entry.ValidUntilNs : closeNs >= _entry.ValidUntilNs;
            if (expired) CancelEntry("the position before it was not closed in time");
        }

        /// <summary>Refuses what NinjaTrader has ignored, and cancels what works without a lease. Called about ten times a second.</summary>
        /// <param name="leaseAgeMs">Time since the gate's last lease; negative before the first.</param>
        /// <param name="flat">As in Follow.</param>
        public void Tick(long nowMs, long leaseAgeMs, bool flat)
        {
            if (leaseAgeMs > LapseMs) Lapse(nowMs);
            Follow(nowMs, flat);
            CommandRecord ignored = IsIgnored(_entry, nowMs) ? _entry : IsIgnored(_exit, nowMs) ? _exit : null;
            if (ignored != null)
            {
                StopsWorking(ignored);
                Refuse(ignored, "IGNORED: NinjaTrader did not take it");
            }
            foreach (CommandRecord move in _moves.ToArray())
                if (nowMs - move.ReceivedMs > PatienceMs)
                {
                    _moves.Remove(move);
                    Refuse(move, "UNCONFIRMED: NinjaTrader did not report the bracket at its new prices");
                }
        }

        /// <summary>
        /// Without the gate nobody watches an entry that still works: it is cancelled, also the rest of one that has filled in part. Stops and targets
        /// stay where they are. While NinjaTrader does not report the cancel, it is asked again.
        /// </summary>
        void Lapse(long nowMs)
        {
            if (_entry == null || _entry.LapsedMs > 0 && nowMs - _entry.LapsedMs < PatienceMs) return;
            if (_entry.LapsedMs == 0) _alarm("lease_lapsed", Lapsed + ": the entry " + _entry.Id + " is cancelled; stops and targets stay");
            _entry.LapsedMs = nowMs;
            CancelEntry(Lapsed);
        }

        static bool IsIgnored(CommandRecord record, long nowMs)
        {
            return record != null && !record.Accepted && record.Filled == 0 && nowMs - record.ReceivedMs > PatienceMs;
        }

        // --- the position ----------------------------------------------------------------------------------------------------

        /// <summary>The account's position for a bar or a hello; with entry and bracket where it is ours.</summary>
        public PositionReport Position(long qty, double price, double realised)
        {
            bool ours = qty != 0 && Math.Sign(qty) == Math.Sign(_position.Qty);
            var report = new PositionReport { Account = _account, Qty = qty, Realised = realised, Working = Working() };
            if (qty == 0) return report;
            report.Price = price;
            if (!ours) return report;
            report.EntryId = _position.EntryId;
            report.Stop = _position.Stop;
            report.Target = _position.Target;
            return report;
        }

        /// <summary>Ids of the commands whose orders work.</summary>
        public List<string> Working()
        {
            var working = new List<string>();
            if (_entry != null) working.Add(_entry.Id);
            if (_exit != null) working.Add(_exit.Id);
            return working;
        }

        // --- after a restart -------------------------------------------------------------------------------------------------

        /// <summary>
        /// Takes over from the earlier run: its position and bracket, its unfinished commands, the fills that the gate has not acknowledged, and
        /// the fills that happened while no strategy ran. The gate recognises repeats by their ids.
        /// </summary>
        /// <param name="qty">The account's position now, signed.</param>
        /// <param name="orders">The account's orders in this instrument.</param>
        /// <param name="fills">The account's executions in this instrument.</param>
        public void Recover(long qty, IEnumerable<OrderReport> orders, IEnumerable<FillReport> fills)
        {
            var byName = new Dictionary<string, OrderReport>();
            foreach (OrderReport order in orders)
            {
                byName[order.Name] = order;
                if (order.Stage == OrderStage.Working || order.Stage == OrderStage.Pending) _position.Rest(order); // a stop that is being changed protects
            }
            foreach (StoredCommand command in _memory.Commands(_instrument))
                _commands[command.Id] = new CommandRecord
                {
                    Id = command.Id, Ref = command.Ref, Type = command.Type, Qty = long.MaxValue, Accepted = true,
                };
            _position.Restore();
            foreach (StoredFill fill in _memory.UnacknowledgedFills(_instrument)) Send(fill, false);
            SendMissed(fills);
            _position.Adopt(qty, () => EntryOf(byName, Math.Sign(qty)));
            foreach (StoredCommand command in _memory.UnfinishedCommands(_instrument)) Resume(_commands[command.Id], byName);
            if (_position.Found && _position.Stop == null && _exit == null) CloseUnprotected();
            _position.Store();
        }

        /// <summary>The entry of the open position: its bracket in the account names it, or it was the last to fill on that side.</summary>
        string EntryOf(Dictionary<string, OrderReport> byName, int side)
        {
            foreach (string name in new[] { OpenPosition.StopName, OpenPosition.TargetName })
                if (byName.TryGetValue(name, out OrderReport bracket) && bracket.Stage == OrderStage.Working && _memory.HasTaken(bracket.FromEntry))
                    return bracket.FromEntry;
            StoredFill entry = _memory.Fills(_instrument).FindLast(fill => fill.Role == "ENTRY");
            return entry != null && Math.Sign(entry.Qty) == side ? entry.OrderId : "";
        }

        /// <summary>
        /// Sends the fills in the account that no run of ours has seen: those of our orders, and every fill after the last that we have
        /// seen. An older fill of another trader's is none of ours. None of them counts into the position, which is the account's.
        /// </summary>
        void SendMissed(IEnumerable<FillReport> reports)
        {
            long lastNs = long.MaxValue;
            foreach (StoredFill fill in _memory.Fills(_instrument)) lastNs = lastNs == long.MaxValue ? fill.AtNs : Math.Max(lastNs, fill.AtNs);
            foreach (FillReport report in reports)
            {
                if (!_memory.HasTaken(report.Name) && !_memory.HasTaken(report.FromEntry) && report.AtNs <= lastNs) continue;
                StoredFill missed = Attributed(report);
                if (missed.Role == "ENTRY") _position.Missed(missed.OrderId);
                if (_memory.Store(missed)) Send(missed, false);
            }
        }

        /// <summary>NinjaTrader died between a fill and its stop, or another trader cancelled the stop.</summary>
        void CloseUnprotected()
        {
            _alarm("unprotected", "the position of " + _position.EntryId + " was found without a stop; it is closed");
            Emergency("");
        }

        void Resume(CommandRecord record, Dictionary<string, OrderReport> byName)
        {
            if (!byName.TryGetValue(record.Id, out OrderReport report))
            {
                // NinjaTrader need not list an order that is finished; its fills and the position show what it did.
                bool done = _position.EntryId == record.Id || _memory.Fills(_instrument).Exists(fill => fill.OrderId == record.Id && IsOwn(fill));
                if (done) _memory.Finish(record.Id);
                else Refuse(record, "LOST: it was taken before a restart and never reached the market");
                return;
            }
            if (report.Stage == OrderStage.Rejected)
            {
                Refuse(record, "NINJATRADER: " + report.Detail);
                return;
            }
            Send(record, OrderUpdate.Accepted, "", false);
            if (report.Stage == OrderStage.Cancelled) Send(record, OrderUpdate.Cancelled, report.Detail, true);
            else if (report.Stage == OrderStage.Filled) _memory.Finish(record.Id);
            else if (record.Type == "close_position") _exit = record;
            else if (record.Type == "place_order")
            {
                _entry = record;
                Cancel(record.Id); // its fill would be unprotected: NinjaTrader places a bracket only for the run that placed the entry
            }
        }

        // --- messages to the gate -------------------------------------------------------------------------------------------

        /// <summary>Sends the status of a command's order, once.</summary>
        /// <param name="last">No other message about the command follows.</param>
        void Send(CommandRecord record, string status, string detail, bool last)
        {
            string id = record.Id;
            bool moved = record.Type == "move_bracket" && status == OrderUpdate.Done;
            var update = new OrderUpdate
            {
                Id = _instrument + "-" + id + "-" + status,
                OrderId = id,
                Instrument = _instrument,
                Status = status,
                Stop = moved ? _position.Stop : null,
                Target = moved ? _position.Target : null,
                Detail = detail,
            };
            if (record.Sent.Exists(each => each.Id == update.Id)) return; // NinjaTrader reports the same status several times
            record.Sent.Add(update);
            Action acknowledged = null;
            if (last) acknowledged = () => _memory.Finish(id);
            _deliver(update, record.EventNs, record.Ref, acknowledged);
        }

        /// <summary>Sends a fill that is on disk.</summary>
        /// <param name="last">No other message about its order follows.</param>
        void Send(StoredFill fill, bool last)
        {
            _commands.TryGetValue(fill.OrderId, out CommandRecord record);
            var execution = new ExecutionReport
            {
                Id = fill.Id,
                OrderId = fill.OrderId,
                Account = _account,
                Instrument = _instrument,
                Qty = fill.Qty,
                Price = fill.Price,
                Role = fill.Role,
                BarNs = fill.BarNs,
                BarIndex = _barIndex(fill.BarNs),
            };
            _deliver(execution, fill.BarNs, record == null ? "" : record.Ref, () =>
            {
                _memory.Acknowledge(fill.Id);
                if (last) _memory.Finish(fill.OrderId);
            });
        }
    }
}
