// Our open position in one instrument: which entry opened it, and where its bracket rests.

using System;
using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>
    /// Follows the position from fills, and its bracket from order reports. Its quantity is ours: the account's own, which goes onto bars, may
    /// differ. Every change is written to memory, so that the next run recognises the position.
    ///
    /// Threads: not safe for several at once. It belongs to a Book, whose caller holds the lock.
    /// </summary>
    public sealed class OpenPosition
    {
        public const string StopName = "Stop loss", TargetName = "Profit target";

        readonly string _instrument;
        readonly Memory _memory;
        readonly Dictionary<string, double> _stops = new Dictionary<string, double>();
        readonly Dictionary<string, double> _targets = new Dictionary<string, double>();
        StoredPosition _now = new StoredPosition();

        public OpenPosition(string instrument, Memory memory)
        {
            _instrument = instrument;
            _memory = memory;
        }

        /// <summary>The entry order; empty when flat.</summary>
        public string EntryId { get { return _now.EntryId; } }

        /// <summary>Signed; 0 when flat.</summary>
        public long Qty { get { return _now.Qty; } }

        /// <summary>
        /// NinjaTrader does not count the position as this run's: an earlier run opened it, or another trader changed it. Then only orders to
        /// the account can move or close it.
        /// </summary>
        public bool Found { get; private set; }

        /// <summary>The entry that NinjaTrader closes by name; empty for a position that it does not count as this run's.</summary>
        public string OwnEntryId { get { return Found ? "" : EntryId; } }

        /// <summary>Prices of the resting bracket; null without one. A partly filled entry may have several orders, all at one price.</summary>
        public double? Stop { get { return First(_stops); } }
        public double? Target { get { return First(_targets); } }

        public static bool IsBracket(string orderName) { return orderName == StopName || orderName == TargetName; }

        /// <summary>A stop or target has changed.</summary>
        public void OnBracket(OrderReport report)
        {
            bool stop = report.Name == StopName;
            Dictionary<string, double> prices = stop ? _stops : _targets;
            if (report.Stage == OrderStage.Working) prices[report.Key] = stop ? report.StopPrice : report.LimitPrice;
            else if (report.Stage != OrderStage.Pending) prices.Remove(report.Key);
        }

        /// <summary>Counts a fill. Returns true if the position is closed by it; Clear then follows.</summary>
        /// <param name="entryId">The order, if it is an entry; else empty.</param>
        public bool Fill(long qty, double price, string entryId)
        {
            long before = Qty, after = before + qty;
            double average = _now.Price;
            if (entryId != "")
            {
                average = (before * average + qty * price) / after;
                Found = false;
            }
            _now = new StoredPosition { EntryId = entryId != "" ? entryId : EntryId, Qty = after, Price = average };
            return after == 0 || Math.Sign(after) != Math.Sign(before) && before != 0;
        }

        /// <summary>Another trader has changed the position, so NinjaTrader's own count of it is wrong from here on.</summary>
        public void Disown() { Found = true; }

        /// <summary>It is flat, and nothing protects it any more.</summary>
        public void Clear()
        {
            _now = new StoredPosition();
            Found = false;
            ForgetBracket();
        }

        // --- after a restart ---------------------------------------------------------------------------------------------------------

        /// <summary>Takes what the earlier run wrote down. Adopt follows, once it is compared with the account.</summary>
        public void Restore() { _now = _memory.PositionIn(_instrument); }

        /// <summary>A stop or target that rests in the account now.</summary>
        public void Rest(OrderReport order)
        {
            if (order.Name == StopName) _stops[order.Key] = order.StopPrice;
            if (order.Name == TargetName) _targets[order.Key] = order.LimitPrice;
        }

        /// <summary>An entry filled while no strategy ran: its stop and target are recognised from here on.</summary>
        public void Missed(string entryId) { _now = new StoredPosition { EntryId = entryId }; }

        /// <summary>Compares what was written down with the account, whose quantity counts.</summary>
        /// <param name="qty">The account's position, signed.</param>
        /// <param name="entryOf">Finds the entry of a position that was not written down; empty for a position that is not ours.</param>
        public void Adopt(long qty, Func<string> entryOf)
        {
            StoredPosition before = _memory.PositionIn(_instrument);
            _now = Math.Sign(before.Qty) == Math.Sign(qty) || qty == 0 ? before : new StoredPosition();
            if (_now.EntryId == "" && qty != 0) _now = new StoredPosition { EntryId = entryOf(), Qty = qty };
            if (qty == 0) _now = new StoredPosition();
            _now.Qty = _now.EntryId == "" ? 0 : qty;
            Found = _now.Qty != 0;
            if (!Found) ForgetBracket();
        }

        /// <summary>Writes the position down if it has changed.</summary>
        public void Store()
        {
            StoredPosition last = _memory.PositionIn(_instrument);
            if (last.EntryId == EntryId && last.Qty == Qty && last.Stop == Stop && last.Target == Target) return;
            _memory.Store(_instrument, new StoredPosition { EntryId = EntryId, Qty = Qty, Price = _now.Price, Stop = Stop, Target = Target });
        }

        void ForgetBracket()
        {
            _stops.Clear();
            _targets.Clear();
        }

        static double? First(Dictionary<string, double> orders)
        {
            foreach (double price in orders.Values) return price;
            return null;
        }
    }
}
