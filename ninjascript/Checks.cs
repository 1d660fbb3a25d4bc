// The bridge's own last checks: it trusts the gate's arithmetic no more than the wire. Pure; each refusal is a code and a sentence.
//
// Entries pass all of them. An exit or a move is refused only where it is meaningless or would harm: protecting a position is never
// blocked by a limit, a lease or the kill switch.

using System;

namespace Tapewire
{
    /// <summary>What an order is checked against.</summary>
    public struct Market
    {
        /// <summary>The account that may be traded, and its quantity in this instrument, signed.</summary>
        public string Account;
        public long Qty;

        public double Tick;
        public long MaxQty;

        /// <summary>The last closed bar. LastNs is 0 before the first.</summary>
        public double LastClose;
        public long LastNs;

        /// <summary>`realtime` and `playback` may trade.</summary>
        public string Phase;

        /// <summary>Since the gate was last heard, in milliseconds; negative before the first time.</summary>
        public long LeaseAgeMs;
        public bool Killed;

        /// <summary>Why the bridge itself has stopped entries; empty if it has not.</summary>
        public string Halted;

        /// <summary>Id of an entry that is working, of the open position's entry, of a close that is under way; empty without one.</summary>
        public string WorkingEntry, HeldEntry, WorkingExit;
        public double? Stop;
        public long HeldQty;
    }

    public static class Checks
    {
        public const long LeaseMs = 5000;
        public const int LongestId = 50; // NinjaTrader's limit for signal names

        /// <summary>Why a command is refused whatever it wants; empty if it is not.</summary>
        public static string Any(Command command, Market market)
        {
            if (!IsId(command.Id)) return "ID: an id is 1 to " + LongestId + " printable characters without spaces";
            if (command.Account != market.Account) return "ACCOUNT: " + command.Account + " is not the account of this bridge, " + market.Account;
            return "";
        }

        public static string Entry(PlaceOrder order, Market market)
        {
            string any = Any(order, market);
            if (any != "") return any;
            if (order.Direction == 0) return "ACTION: " + order.Action + " opens no position";
            if (market.Phase != "realtime" && market.Phase != "playback") return "PHASE: " + market.Phase + " bars are not traded";
            if (market.LastNs == 0) return "MARKET: no bar yet, so there is no market";
            if (market.Halted != "") return "HALTED: " + market.Halted;
            if (market.Killed) return "KILLED: the gate's kill switch is latched";
            if (market.LeaseAgeMs < 0) return "LEASE: the gate has not been heard yet";
            if (market.LeaseAgeMs > LeaseMs) return "LEASE: no word from the gate for " + market.LeaseAgeMs / 1000 + " s";
            if (order.ValidUntilNs < market.LastNs) return "EXPIRED: valid until " + order.ValidUntilNs + ", it is " + market.LastNs;
            if (order.Qty < 1) return "SIZE: quantity " + order.Qty + "; at least 1 contract";
            if (order.Qty > market.MaxQty) return "SIZE: quantity " + order.Qty + " is above this bridge's cap of " + market.MaxQty;
            string prices = Prices(order, market);
            if (prices != "") return prices;
            if (market.WorkingEntry != "") return "POSITION: " + market.WorkingEntry + " is working; one position per instrument";
            if (market.HeldEntry != "") return "POSITION: " + market.HeldEntry + " is open; one position per instrument";
            if (market.Qty != 0) return "POSITION: the account holds " + market.Qty + " already";
            return "";
        }

        public static string Exit(ClosePosition order, Market market)
        {
            string any = Any(order, market);
            if (any != "") return any;
            string position = Position(order.EntryId, market);
            if (position != "") return position;
            return market.WorkingExit == "" ? "" : "CLOSING: " + market.WorkingExit + " is closing it already";
        }

        public static string Move(MoveBracket order, Market market)
        {
            string any = Any(order, market);
            if (any != "") return any;
            if (market.HeldEntry == "") return "POSITION: no position of ours, so no bracket of ours";
            string position = Position(order.EntryId, market);
            if (position != "") return position;
            if (order.Stop == null && order.Target == null) return "PRICE: neither a stop nor a target to move";
            if (!OnTick(order.Stop, market.Tick)) return "PRICE: stop " + order.Stop + " is not on the tick " + market.Tick;
            if (!OnTick(order.Target, market.Tick)) return "PRICE: target " + order.Target + " is not on the tick " + market.Tick;
            int side = Math.Sign(market.HeldQty);
            if (order.Stop != null && market.Stop != null && ((double)order.Stop - (double)market.Stop) * side < 0)
                return "STOP: " + order.Stop + " is further away than " + market.Stop;
            return "";
        }

        /// <summary>Whether a text can be an order's id here and a signal's name in NinjaTrader.</summary>
        public static bool IsId(string id)
        {
            if (id.Length == 0 || id.Length > LongestId) return false;
            foreach (char each in id)
                if (each <= ' ' || each > '~') return false;
            return true;
        }

        static string Prices(PlaceOrder order, Market market)
        {
            if (!OnTick(order.Stop, market.Tick)) return "PRICE: stop " + order.Stop + " is not on the tick " + market.Tick;
            if (!OnTick(order.Target, market.Tick)) return "PRICE: target " + order.Target + " is not on the tick " + market.Tick;
            if (!OnTick(order.Limit, market.Tick)) return "PRICE: limit " + order.Limit + " is not on the tick " + market.Tick;
            double enters = order.Limit ?? market.LastClose;
            string where = (order.Limit == null ? "the market at " : "its limit ") + enters;
            if ((enters - order.Stop) * order.Direction <= 0) return "STOP: " + order.Stop + " is on the wrong side of " + where;
            if (order.Target != null && ((double)order.Target - enters) * order.Direction <= 0)
                return "TARGET: " + order.Target + " is on the wrong side of " + where;
            return "";
        }

        static string Position(string entryId, Market market)
        {
            if (market.Qty == 0 && market.HeldQty == 0) return "POSITION: nothing is open";
            if (entryId != "" && entryId != market.HeldEntry) return "POSITION: it was opened by " + Named(market.HeldEntry) + ", not by " + entryId;
            return "";
        }

        static string Named(string entryId) { return entryId == "" ? "somebody else" : entryId; }

        static bool OnTick(double? price, double tick)
        {
            if (price == null) return true;
            double value = (double)price;
            if (double.IsNaN(value) || double.IsInfinity(value) || value <= 0 || value > 1e9) return false;
            return Math.Abs(value / tick - Math.Round(value / tick)) < 1e-6;
        }
    }
}
