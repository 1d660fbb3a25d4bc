// Our orders in one instrument: commands in, words to the gate out, and what NinjaTrader reports in between.
//
// NinjaTrader may report in the middle of the call that caused it, later, in any order, and more than once: an acknowledgement after the
// fill, a fill after the cancel. So nothing here waits. Each report is held against the order of its name, and each word has an id made
// of the order and what is said about it, so that saying it again is harmless. The position stamped on bars is the account's; what is
// kept here is whose it is and where its bracket rests.
//
// Not safe for several threads at once: the shell holds its lock around every call. It holds none while NinjaTrader is called, because
// nobody knows which locks NinjaTrader holds when it calls back. So a book never calls: it leaves what is to be done in Todo.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>An order of NinjaTrader's as far as it concerns us. Key is NinjaTrader's own id for it.</summary>
    public struct OrderReport
    {
        public string Key, Name, FromEntry, Detail;
        public OrderPhase Phase;
        public double StopPrice, LimitPrice;
    }

    public enum OrderPhase { Pending, Working, Filled, Cancelled, Rejected }

    /// <summary>A fill. Qty is signed; AtNs is NinjaTrader's time for it, BarNs the close of the bar in which it happened.</summary>
    public struct FillReport
    {
        public string Id, Name, FromEntry;
        public long Qty;
        public double Price;
        public long AtNs, BarNs;
    }

    /// <summary>
    /// What a book wants done at NinjaTrader. Nothing comes back: whether an order was taken shows in the reports, which may come before
    /// the call returns, or never.
    /// </summary>
    public interface IDesk
    {
        /// <summary>The bracket first, then the entry, both under the order's id.</summary>
        void Enter(PlaceOrder order);

        /// <summary>Closes a position at the market.</summary>
        /// <param name="entryId">The entry, if this life opened it; empty for a position that it found.</param>
        /// <param name="qty">The position, signed.</param>
        void Exit(string id, string entryId, long qty);

        /// <summary>Moves the resting stop and target; null leaves one where it is.</summary>
        /// <param name="found">The bracket was placed by an earlier life.</param>
        void Move(string entryId, double? stop, double? target, bool found);

        void Cancel(string orderName);

        /// <summary>Takes the bracket of an entry away.</summary>
        void CancelBracket(string entryId);
    }

    /// <summary>Says a word to the gate; `owned` runs when the gate has it on disk (on another thread).</summary>
    public delegate void Say(Body body, long eventNs, string cause, Action owned);

    public sealed class Book
    {
        public const string StopName = "Stop loss", TargetName = "Profit target", SessionEndName = "Exit on session close";
        const string Unprotected = "tapewire-unprotected"; // what our own emergency exit is called
        const long PatienceMs = 3000; // for NinjaTrader to report an order that it did not take at once

        sealed class Order
        {
            public string Id, Ref, Type;
            public long EventNs, Qty, Filled, AskedMs, ValidUntilNs = long.MaxValue;
            public double? Limit, Stop, Target;
            public bool Accepted, Refused;
            public readonly List<OrderUpdate> Said = new List<OrderUpdate>();
        }

        readonly string _instrument, _account;
        readonly Memory _memory;
        readonly Say _say;
        readonly Func<long, long> _barIndex;
        readonly Action<string, string> _alarm;
        readonly Dictionary<string, Order> _orders = new Dictionary<string, Order>();
        readonly List<Order> _moves = new List<Order>();
        readonly Dictionary<string, double> _stops = new Dictionary<string, double>();
        readonly Dictionary<string, double> _targets = new Dictionary<string, double>();
        Order _entry, _exit;
        Held _held = new Held();
        bool _found; // the open position was opened by an earlier life
        string _halted = "";
        List<Action<IDesk>> _todo = new List<Action<IDesk>>();

        /// <param name="barIndex">The number of the chart's bar with this close.</param>
        public Book(string instrument, string account, Memory memory, Func<long, long> barIndex, Say say, Action<string, string> alarm)
        {
            _instrument = instrument;
            _account = account;
            _memory = memory;
            _barIndex = barIndex;
            _say = say;
            _alarm = alarm;
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

        /// <summary>What is to be done at NinjaTrader now, in this order. Each is handed out once.</summary>
        public List<Action<IDesk>> Todo()
        {
            List<Action<IDesk>> todo = _todo;
            if (todo.Count > 0) _todo = new List<Action<IDesk>>();
            return todo;
        }

        void Do(Action<IDesk> action) { _todo.Add(action); }

        void Cancel(string orderName) { Do(desk => desk.Cancel(orderName)); }

        public bool Has(string id) { return _orders.ContainsKey(id); }

        // --- commands ------------------------------------------------------------------------------------------------------

        /// <summary>Adds what this book knows to what its shell knows of the market.</summary>
        public Market With(Market market)
        {
            market.Account = _account;
            market.WorkingEntry = _entry == null ? "" : _entry.Id;
            market.WorkingExit = _exit == null ? "" : _exit.Id;
            market.HeldEntry = _held.EntryId;
            market.HeldQty = _held.Qty;
            market.Stop = Price(_stops);
            if (_halted != "") market.Halted = _halted;
            return market;
        }

        /// <summary>Carries out a command that has been taken, or refuses it.</summary>
        public void Execute(Message message, Market bare, long nowMs)
        {
            var command = (Command)message.Body;
            Market market = With(bare);
            var order = new Order
            {
                Id = command.Id, Ref = message.Ref, Type = message.Type, EventNs = message.Header.EventNs, AskedMs = nowMs,
            };
            _orders[order.Id] = order;
            if (command is PlaceOrder place) Enter(order, place, market);
            else if (command is ClosePosition close) Exit(order, close, market);
            else if (command is MoveBracket move) Move(order, move, market);
            else Cancel(order, (CancelOrder)command, market);
        }

        void Enter(Order order, PlaceOrder place, Market market)
        {
            string refusal = Checks.Entry(place, market);
            if (refusal != "")
            {
                Refuse(order, refusal);
                return;
            }
            order.Qty = place.Qty;
            order.Limit = place.Limit;
            order.ValidUntilNs = place.ValidUntilNs;
            _entry = order;
            Entries++;
            Do(desk => desk.Enter(place));
        }

        void Exit(Order order, ClosePosition close, Market market)
        {
            string refusal = Checks.Exit(close, market);
            if (refusal != "")
            {
                Refuse(order, refusal);
                return;
            }
            if (_entry != null) Cancel(_entry.Id); // what is left of a partly filled entry
            string entryId = _found ? "" : _held.EntryId;
            long qty = market.Qty != 0 ? market.Qty : _held.Qty;
            order.Qty = Math.Abs(qty);
            _exit = order;
            Do(desk => desk.Exit(order.Id, entryId, qty));
        }

        void Move(Order order, MoveBracket move, Market market)
        {
            string refusal = Checks.Move(move, market);
            if (refusal != "")
            {
                Refuse(order, refusal);
                return;
            }
            order.Stop = move.Stop;
            order.Target = move.Target;
            _moves.Add(order);
            string entryId = _held.EntryId;
            bool found = _found;
            Do(desk => desk.Move(entryId, move.Stop, move.Target, found));
        }

        void Cancel(Order order, CancelOrder cancel, Market market)
        {
            string refusal = Checks.Any(cancel, market);
            if (refusal == "" && (_entry == null || _entry.Id != cancel.OrderId)) refusal = "WORKING: " + cancel.OrderId + " is not working";
            if (refusal != "")
            {
                Refuse(order, refusal);
                return;
            }
            Cancel(cancel.OrderId);
            Word(order, OrderUpdate.Done, "", true);
        }

        /// <summary>The same id again: the same words again. What an earlier life said, it said.</summary>
        public void Repeat(Message message)
        {
            if (!_orders.TryGetValue(((Command)message.Body).Id, out Order order)) return;
            foreach (OrderUpdate word in order.Said) _say(word, order.EventNs, order.Ref, null);
        }

        /// <summary>Refuses a command by name: it cannot be carried out here at all.</summary>
        public void Refuse(Message message, string id, string why)
        {
            Refuse(new Order { Id = id, Ref = message.Ref, EventNs = message.Header.EventNs }, why);
        }

        void Refuse(Order order, string why)
        {
            Refusals++;
            order.Refused = true;
            Word(order, OrderUpdate.Rejected, why, true);
        }

        // --- NinjaTrader's reports -----------------------------------------------------------------------------------------

        public void OnOrder(OrderReport report)
        {
            if (report.Name == StopName || report.Name == TargetName) OnBracket(report);
            else if (_orders.TryGetValue(report.Name, out Order order)) OnOrder(order, report);
        }

        void OnOrder(Order order, OrderReport report)
        {
            if (order.Refused && report.Phase == OrderPhase.Working)
            {
                // We have said that it did not get there.
                _alarm("late_order", order.Id + " appeared after it was given up; it is cancelled");
                Cancel(order.Id);
                return;
            }
            switch (report.Phase)
            {
                case OrderPhase.Working:
                case OrderPhase.Filled:
                    if (!order.Accepted && !order.Refused)
                    {
                        order.Accepted = true;
                        Word(order, OrderUpdate.Accepted, "", false);
                    }
                    break;
                case OrderPhase.Cancelled:
                    Over(order);
                    Word(order, OrderUpdate.Cancelled, report.Detail, true);
                    break;
                case OrderPhase.Rejected:
                    Over(order);
                    Refuse(order, "NINJATRADER: " + report.Detail);
                    break;
            }
        }

        void OnBracket(OrderReport report)
        {
            bool stop = report.Name == StopName;
            Dictionary<string, double> prices = stop ? _stops : _targets;
            if (report.Phase == OrderPhase.Working) prices[report.Key] = stop ? report.StopPrice : report.LimitPrice;
            else if (report.Phase != OrderPhase.Pending) prices.Remove(report.Key);
            if (report.Phase == OrderPhase.Rejected && _held.Qty != 0)
            {
                _alarm("bracket_rejected", report.Name + " of " + _held.EntryId + " was refused (" + report.Detail + "); " +
                    (stop ? "the position is closed, because nothing protects it" : "the stop stays"));
                string entryId = _found ? "" : _held.EntryId;
                long qty = _held.Qty;
                if (stop) Do(desk => desk.Exit(Unprotected, entryId, qty));
            }
            if (_held.Qty != 0) Confirm();
            Keep();
        }

        /// <summary>A fill, reported once or more, in this life or in several.</summary>
        public void OnFill(FillReport fill)
        {
            Filled heard = Heard(fill);
            if (!_memory.Fill(heard)) return;
            Fills++;
            bool last = false;
            if (_orders.TryGetValue(heard.OrderId, out Order order) && IsOwn(heard))
            {
                order.Filled += Math.Abs(fill.Qty);
                last = order.Filled >= order.Qty;
                if (last) Over(order);
            }
            Settle(fill, heard.Role, heard.OrderId);
            Tell(heard, last);
        }

        Filled Heard(FillReport fill)
        {
            string role = Role(fill, out string orderId);
            return new Filled
            {
                Instrument = _instrument, Id = fill.Id, OrderId = orderId, Role = role, Qty = fill.Qty, Price = fill.Price, BarNs = fill.BarNs, AtNs = fill.AtNs,
            };
        }

        /// <summary>By a command of ours, whose id it bears.</summary>
        static bool IsOwn(Filled fill) { return fill.Role == "ENTRY" || fill.Role == "EXIT"; }

        /// <summary>Says a fill that is written down.</summary>
        /// <param name="last">Nothing more will be said of its order.</param>
        void Tell(Filled fill, bool last)
        {
            _orders.TryGetValue(fill.OrderId, out Order order);
            var word = new ExecutionReport
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
            _say(word, fill.BarNs, order == null ? "" : order.Ref, () =>
            {
                _memory.Told(fill.Id);
                if (last) _memory.End(fill.OrderId);
            });
        }

        string Role(FillReport fill, out string orderId)
        {
            orderId = fill.Name;
            if (_orders.TryGetValue(fill.Name, out Order order)) return order.Type == "close_position" ? "EXIT" : "ENTRY";
            string entry = fill.FromEntry != "" ? fill.FromEntry : _held.EntryId;
            orderId = entry;
            if (entry != "" && fill.Name == StopName) return "STOP";
            if (entry != "" && fill.Name == TargetName) return "TARGET";
            if (entry != "" && fill.Name == SessionEndName) return _exit != null ? ByExit(out orderId) : "SESSION_END";
            orderId = "";
            return "FOREIGN";
        }

        /// <summary>The session's end closed what a command of ours was about to close.</summary>
        string ByExit(out string orderId)
        {
            orderId = _exit.Id;
            return "EXIT";
        }

        /// <summary>What a fill does to our position.</summary>
        void Settle(FillReport fill, string role, string orderId)
        {
            long before = _held.Qty, after = before + fill.Qty;
            var held = new Held { EntryId = _held.EntryId, Qty = after, Price = _held.Price };
            if (role == "ENTRY")
            {
                held.EntryId = orderId;
                held.Price = (before * _held.Price + fill.Qty * fill.Price) / after;
                _found = false;
            }
            else if (role == "FOREIGN" && before == 0) return; // somebody else's position: the account knows it, this book does not
            else if (role == "FOREIGN" && !_found)
            {
                // NinjaTrader's own count of this strategy's position is wrong from here on, and so would be what it does with orders.
                _found = true;
                Halt("somebody else traded in the position of " + _held.EntryId + "; when it is flat, enable the strategy again");
                _alarm("foreign_fill", _halted);
            }
            bool flat = after == 0 || Math.Sign(after) != Math.Sign(before) && before != 0;
            if (flat) held = new Held();
            string entry = _held.EntryId;
            _held = held;
            if (flat) Flatten(entry);
            Keep();
        }

        void Flatten(string entryId)
        {
            _exit = null;
            if (_found) Do(desk => desk.CancelBracket(entryId)); // NinjaTrader takes away only what it knows to belong to this strategy's position
            _found = false;
            _stops.Clear();
            _targets.Clear();
            foreach (Order move in _moves) Refuse(move, "POSITION: it is gone");
            _moves.Clear();
        }

        /// <summary>Moves whose prices are now where they should be are done. To be called when Todo has been done.</summary>
        public void Confirm()
        {
            foreach (Order move in _moves.ToArray())
            {
                if (move.Stop != null && move.Stop != Price(_stops) || move.Target != null && move.Target != Price(_targets)) continue;
                _moves.Remove(move);
                Word(move, OrderUpdate.Done, "", true);
            }
        }

        void Over(Order order)
        {
            if (_entry == order) _entry = null;
            if (_exit == order) _exit = null;
        }

        // --- time -----------------------------------------------------------------------------------------------------------

        /// <summary>A bar has closed: an entry that may not fill any more is cancelled.</summary>
        public void OnBar(long closeNs)
        {
            if (_entry == null) return;
            bool over = _entry.Limit == null ? closeNs > _entry.ValidUntilNs : closeNs >= _entry.ValidUntilNs;
            if (over) Cancel(_entry.Id);
        }

        /// <summary>Now and then: what NinjaTrader has ignored is refused.</summary>
        public void Tick(long nowMs)
        {
            Order ignored = Ignored(_entry, nowMs) ? _entry : Ignored(_exit, nowMs) ? _exit : null;
            if (ignored != null)
            {
                Over(ignored);
                Refuse(ignored, "IGNORED: NinjaTrader did not take it");
            }
            foreach (Order move in _moves.ToArray())
                if (nowMs - move.AskedMs > PatienceMs)
                {
                    _moves.Remove(move);
                    Refuse(move, "UNCONFIRMED: the bracket is not where it should be");
                }
        }

        static bool Ignored(Order order, long nowMs) { return order != null && !order.Accepted && order.Filled == 0 && nowMs - order.AskedMs > PatienceMs; }

        // --- the position ----------------------------------------------------------------------------------------------------

        /// <summary>The account's position as it is stamped on a bar or told in a hello.</summary>
        public PositionReport Position(long qty, double price, double realised)
        {
            bool ours = qty != 0 && Math.Sign(qty) == Math.Sign(_held.Qty);
            var report = new PositionReport { Account = _account, Qty = qty, Realised = realised, Working = Working() };
            if (qty == 0) return report;
            report.Price = price;
            if (!ours) return report;
            report.EntryId = _held.EntryId;
            report.Stop = Price(_stops);
            report.Target = Price(_targets);
            return report;
        }

        public List<string> Working()
        {
            var working = new List<string>();
            if (_entry != null) working.Add(_entry.Id);
            if (_exit != null) working.Add(_exit.Id);
            return working;
        }

        // --- an earlier life -------------------------------------------------------------------------------------------------

        /// <summary>
        /// Picks up what an earlier life left: its position, its bracket, its unfinished commands, the fills that it heard of and the gate
        /// does not own, and those that it did not live to hear of. The gate knows repeats by their ids.
        /// </summary>
        /// <param name="qty">The account's position now, signed.</param>
        /// <param name="orders">The account's orders in this instrument. fills: its executions.</param>
        public void Recover(long qty, IEnumerable<OrderReport> orders, IEnumerable<FillReport> fills)
        {
            Held before = _memory.HeldIn(_instrument);
            var byName = new Dictionary<string, OrderReport>();
            foreach (OrderReport order in orders)
            {
                byName[order.Name] = order;
                if (order.Phase != OrderPhase.Working && order.Phase != OrderPhase.Pending) continue; // one that is being changed protects
                if (order.Name == StopName) _stops[order.Key] = order.StopPrice;
                if (order.Name == TargetName) _targets[order.Key] = order.LimitPrice;
            }
            foreach (Taken command in _memory.AllOf(_instrument))
                _orders[command.Id] = new Order { Id = command.Id, Ref = command.Ref, Type = command.Type, Qty = long.MaxValue, Accepted = true };
            _held = before;
            foreach (Filled fill in _memory.Untold(_instrument)) Tell(fill, false);
            Missed(fills);
            _held = Math.Sign(before.Qty) == Math.Sign(qty) || qty == 0 ? before : new Held();
            if (_held.EntryId == "" && qty != 0) _held = new Held { EntryId = Opened(byName, Math.Sign(qty)), Qty = qty };
            if (qty == 0) _held = new Held();
            _held.Qty = _held.EntryId == "" ? 0 : qty;
            _found = _held.Qty != 0;
            if (!_found)
            {
                _stops.Clear();
                _targets.Clear();
            }
            foreach (Taken command in _memory.Unended(_instrument)) Resume(_orders[command.Id], byName);
            if (_found && _stops.Count == 0 && _exit == null) CloseBare();
            Keep();
        }

        /// <summary>The entry of the open position: an order in the account still names it, or it was the last to fill on that side.</summary>
        string Opened(Dictionary<string, OrderReport> byName, int side)
        {
            foreach (string name in new[] { StopName, TargetName })
                if (byName.TryGetValue(name, out OrderReport bracket) && bracket.Phase == OrderPhase.Working && _memory.Knows(bracket.FromEntry))
                    return bracket.FromEntry;
            Filled entry = _memory.Fills(_instrument).FindLast(fill => fill.Role == "ENTRY");
            return entry != null && Math.Sign(entry.Qty) == side ? entry.OrderId : "";
        }

        /// <summary>
        /// Says the fills in the account that no life of ours has heard of, without counting them into the position: those of our orders,
        /// and whatever happened after the last that we heard of. What is older and somebody else's was before our time.
        /// </summary>
        void Missed(IEnumerable<FillReport> fills)
        {
            long lastNs = long.MaxValue;
            foreach (Filled heard in _memory.Fills(_instrument)) lastNs = lastNs == long.MaxValue ? heard.AtNs : Math.Max(lastNs, heard.AtNs);
            foreach (FillReport fill in fills)
            {
                if (!_memory.Knows(fill.Name) && !_memory.Knows(fill.FromEntry) && fill.AtNs <= lastNs) continue;
                Filled missed = Heard(fill);
                if (missed.Role == "ENTRY") _held = new Held { EntryId = missed.OrderId }; // so that its stop is known for one
                if (_memory.Fill(missed)) Tell(missed, false);
            }
        }

        /// <summary>The death came between a fill and its stop, or somebody took the stop away.</summary>
        void CloseBare()
        {
            _alarm("unprotected", "the position of " + _held.EntryId + " was found without a stop; it is closed");
            long qty = _held.Qty;
            Do(desk => desk.Exit(Unprotected, "", qty));
        }

        void Resume(Order order, Dictionary<string, OrderReport> byName)
        {
            if (!byName.TryGetValue(order.Id, out OrderReport report))
            {
                // NinjaTrader need not list an order that is done; what it did shows in the fills and the position.
                bool done = _held.EntryId == order.Id || _memory.Fills(_instrument).Exists(fill => fill.OrderId == order.Id && IsOwn(fill));
                if (done) _memory.End(order.Id);
                else Refuse(order, "LOST: it was taken before a restart and never reached the market");
                return;
            }
            if (report.Phase == OrderPhase.Rejected)
            {
                Refuse(order, "NINJATRADER: " + report.Detail);
                return;
            }
            Word(order, OrderUpdate.Accepted, "", false);
            if (report.Phase == OrderPhase.Cancelled) Word(order, OrderUpdate.Cancelled, report.Detail, true);
            else if (report.Phase == OrderPhase.Filled) _memory.End(order.Id);
            else if (order.Type == "close_position") _exit = order;
            else if (order.Type == "place_order")
            {
                _entry = order;
                Cancel(order.Id); // nothing would protect its fill: an entry's bracket is placed by the run of the strategy that placed it
            }
        }

        // --- words --------------------------------------------------------------------------------------------------------------

        void Word(Order order, string status, string detail, bool last)
        {
            string id = order.Id;
            var word = new OrderUpdate
            {
                Id = _instrument + "-" + id + "-" + status,
                OrderId = id,
                Instrument = _instrument,
                Status = status,
                Stop = order.Type == "move_bracket" && status == OrderUpdate.Done ? Price(_stops) : null,
                Target = order.Type == "move_bracket" && status == OrderUpdate.Done ? Price(_targets) : null,
                Detail = detail,
            };
            if (order.Said.Exists(each => each.Id == word.Id)) return; // NinjaTrader reports the same thing several times
            order.Said.Add(word);
            Action owned = null;
            if (last) owned = () => _memory.End(id);
            _say(word, order.EventNs, order.Ref, owned);
        }

        void Keep()
        {
            double? stop = Price(_stops), target = Price(_targets);
            Held last = _memory.HeldIn(_instrument);
            if (last.EntryId == _held.EntryId && last.Qty == _held.Qty && last.Stop == stop && last.Target == target) return;
            _memory.Hold(_instrument, new Held { EntryId = _held.EntryId, Qty = _held.Qty, Price = _held.Price, Stop = stop, Target = target });
        }

        /// <summary>Where the bracket rests. A partly filled entry may have several orders; they stand at one price.</summary>
        static double? Price(Dictionary<string, double> orders)
        {
            foreach (double price in orders.Values) return price;
            return null;
        }
    }
}
