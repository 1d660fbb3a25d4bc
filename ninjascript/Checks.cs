// The bridge's own last checks of a command. They repeat what the gate has checked, because the gate or the wire may be wrong.

using System;

namespace Tapewire
{
    /// <summary>What a command is checked against.</summary>
    public struct OrderContext
    {
        /// <summary>The account that may be traded, and its position in this instrument, signed.</summary>
        public string Account;
        public long Qty;

        /// <summary>The month on the chart, as NinjaTrader writes it; empty if it holds no future.</summary>
        public string Contract;

        /// <summary>The instrument's tick size, and the strategy's largest order.</summary>
        public double Tick;
        public long MaxQty;

        /// <summary>The last closed bar. LastNs is 0 before the first.</summary>
        public double LastClose;
        public long LastNs;

        /// <summary>`realtime` and `playback` may trade.</summary>
        public string Phase;

        /// <summary>Time since the gate's last lease, in milliseconds; negative before the first. Killed: as of that lease.</summary>
        public long LeaseAgeMs;
        public bool Killed;

        /// <summary>Why the bridge has stopped entries; empty if it has not.</summary>
        public string Halted;

        /// <summary>Id of the entry that works, of the entry that opened our position, of the close that works; empty without one.</summary>
        public string WorkingEntry, HeldEntry, WorkingExit;

        /// <summary>Our position: its resting stop, and its quantity, signed.</summary>
        public double? Stop;
        public long HeldQty;
    }

    /// <summary>
    /// Each check returns a code and a sentence, or an empty text if the command passes. An entry must pass all checks. An exit or a move is
    /// refused only if it is meaningless or harmful: no limit, lease or kill switch keeps a position from being protected.
    ///
    /// Threads: any; nothing is kept.
    /// </summary>
    public static class Checks
    {
        public const long LeaseMs = 5000;
        public const int LongestId = 50; // NinjaTrader's limit for signal names

        /// <summary>The checks of every command.</summary>
        public static string Any(Command command, OrderContext context)
        {
            if (!IsId(command.Id)) return "ID: an id is 1 to " + LongestId + " printable characters without spaces";
            if (command.Account != context.Account) return "ACCOUNT: " + command.Account + " is not the account of this bridge, " + context.Account;
            return "";
        }

        public static string Entry(PlaceOrder order, OrderContext context)
        {
            string any = Any(order, context);
            if (any != "") return any;
            if (order.Direction == 0) return "ACTION: " + order.Action + " opens no position; an entry is ENTER_LONG or ENTER_SHORT";
            if (order.Contract != "" && order.Contract != context.Contract)
                return "CONTRACT: " + order.Contract + " is not on this chart" + (context.Contract == "" ? "" : ", which holds " + context.Contract);
            if (context.Phase != "realtime" && context.Phase != "playback") return "PHASE: " + context.Phase + " bars are not traded";
            if (context.LastNs == 0) return "MARKET: no bar has closed yet, so there is no price";
            if (context.Halted != "") return "HALTED: " + context.Halted;
            if (context.Killed) return "KILLED: the gate's kill switch is latched";
            if (context.LeaseAgeMs < 0) return "LEASE: no lease from the gate yet";
            if (context.LeaseAgeMs > LeaseMs) return "LEASE: no lease from the gate for " + context.LeaseAgeMs / 1000 + " s";
            if (order.ValidUntilNs < context.LastNs) return "EXPIRED: valid until " + order.ValidUntilNs + ", the last bar closed at " + context.LastNs;
            if (order.Qty < 1) return "SIZE: quantity " + order.Qty + "; at least 1 contract";
            if (order.Qty > context.MaxQty) return "SIZE: quantity " + order.Qty + " is above this bridge's cap of " + context.MaxQty;
            string prices = Prices(order, context);
            if (prices != "") return prices;
            if (context.WorkingEntry != "") return "POSITION: " + context.WorkingEntry + " is working; one position per instrument";
            if (order.After != "" && order.After == context.WorkingExit) return ""; // it waits until that close has filled
            if (context.HeldEntry != "") return "POSITION: " + context.HeldEntry + " is open; one position per instrument";
            if (context.Qty != 0) return "POSITION: the account holds " + context.Qty + " already";
            return "";
        }

        public static string Exit(ClosePosition order, OrderContext context)
        {
            string any = Any(order, context);
            if (any != "") return any;
            string position = Position(order.EntryId, context);
            if (position != "") return position;
            return context.WorkingExit == "" ? "" : "CLOSING: " + context.WorkingExit + " is closing it already";
        }

        public static string Move(MoveBracket order, OrderContext context)
        {
            string any = Any(order, context);
            if (any != "") return any;
            if (context.HeldEntry == "") return "POSITION: no position of ours, so no bracket of ours";
            string position = Position(order.EntryId, context);
            if (position != "") return position;
            if (order.Stop == null && order.Target == null) return "PRICE: the command gives neither a stop nor a target";
            if (!OnTick(order.Stop, context.Tick)) return "PRICE: stop " + order.Stop + " is not on the tick " + context.Tick;
            if (!OnTick(order.Target, context.Tick)) return "PRICE: target " + order.Target + " is not on the tick " + context.Tick;
            int side = Math.Sign(context.HeldQty);
            if (order.Stop != null && context.Stop != null && ((double)order.Stop - (double)context.Stop) * side < 0)
                return "STOP: " + order.Stop + " is further away than " + context.Stop;
            return "";
        }

        /// <summary>True if a text can be an order's id, and so a signal name in NinjaTrader.</summary>
        public static bool IsId(string id)
        {
            if (id.Length == 0 || id.Length > LongestId) return false;
            foreach (char each in id)
                if (each <= ' ' || each > '~') return false;
            return true;
        }

        static string Prices(PlaceOrder order, OrderContext context)
        {
            if (!OnTick(order.Stop, context.Tick)) return "PRICE: stop " + order.Stop + " is not on the tick " + context.Tick;
            if (!OnTick(order.Target, context.Tick)) return "PRICE: target " + order.Target + " is not on the tick " + context.Tick;
            if (!OnTick(order.Limit, context.Tick)) return "PRICE: limit " + order.Limit + " is not on the tick " + context.Tick;
            if (!OnTick(order.StopPoints, context.Tick)) return "PRICE: stop_points " + order.StopPoints + " are no whole ticks of " + context.Tick;
            if (!OnTick(order.TargetPoints, context.Tick)) return "PRICE: target_points " + order.TargetPoints + " are no whole ticks of " + context.Tick;
            double enters = order.Limit ?? context.LastClose;
            string where = (order.Limit == null ? "the market at " : "its limit ") + enters;
            if ((enters - order.Stop) * order.Direction <= 0) return "STOP: " + order.Stop + " is on the wrong side of " + where;
            if (order.Target != null && ((double)order.Target - enters) * order.Direction <= 0)
                return "TARGET: " + order.Target + " is on the wrong side of " + where;
            return "";
        }

        static string Position(string entryId, OrderContext context)
        {
            if (context.Qty == 0 && context.HeldQty == 0) return "POSITION: nothing is open";
            if (entryId != "" && entryId != context.HeldEntry) return "POSITION: it was opened by " + Opener(context.HeldEntry) + ", not by " + entryId;
            return "";
        }

        static string Opener(string entryId) { return entryId == "" ? "another trader" : entryId; }

        static bool OnTick(double? price, double tick)
        {
            if (price == null) return true;
            double value = (double)price;
            if (double.IsNaN(value) || double.IsInfinity(value) || value <= 0 || value > Bounds.MaxPrice) return false;
            return Math.Abs(value / tick - Math.Round(value / tick)) < 1e-6;
        }
    }
}
