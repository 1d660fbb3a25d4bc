// What a book and NinjaTrader exchange: reports in, actions out. TapewireBridge translates both.

namespace Tapewire
{
    /// <summary>The state of an order at NinjaTrader, as far as a book distinguishes it.</summary>
    public enum OrderStage { Pending, Working, Filled, Cancelled, Rejected }

    /// <summary>What NinjaTrader reports of an order. Key is NinjaTrader's own id for it.</summary>
    public struct OrderReport
    {
        public string Key, Name, FromEntry, Detail;
        public OrderStage Stage;
        public double StopPrice, LimitPrice;
    }

    /// <summary>A fill. Qty is signed; AtNs is NinjaTrader's time of it, BarNs the close of the bar in which it happened.</summary>
    public struct FillReport
    {
        public string Id, Name, FromEntry;
        public long Qty;
        public double Price;
        public long AtNs, BarNs;
    }

    /// <summary>
    /// What a book wants done at NinjaTrader. Nothing is returned: whether NinjaTrader took an order shows in its reports, which may come
    /// before the call returns, or never.
    ///
    /// Threads: called in OnBarUpdate or in a custom event of NinjaTrader's, with no lock held.
    /// </summary>
    public interface IDesk
    {
        /// <summary>Places the bracket, then the entry, both under the order's id.</summary>
        void Enter(PlaceOrder order);

        /// <summary>Closes a position at the market.</summary>
        /// <param name="entryId">The entry, if this run opened the position; empty for a position that it found.</param>
        /// <param name="qty">The position, signed.</param>
        void Exit(string id, string entryId, long qty);

        /// <summary>Moves the resting stop and target; null leaves one where it is.</summary>
        /// <param name="found">An earlier run placed the bracket.</param>
        void Move(string entryId, double? stop, double? target, bool found);

        void Cancel(string orderName);

        /// <summary>Cancels the bracket of an entry.</summary>
        void CancelBracket(string entryId);
    }
}
