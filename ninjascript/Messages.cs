// The bodies of the messages that the bridge sends or receives, with their fields in the order of bus/PROTOCOL.md, section 12. A message of
// another type has a null Body; its fields can still be read by name.

using System.Collections.Generic;

namespace Tapewire
{
    /// <summary>The body of a message. Read checks every field; Write writes all fields, in the documented order.</summary>
    public abstract class Body
    {
        public abstract string Type { get; }

        public abstract void Write(PackMap to);

        /// <exception cref="Refusal">A field is missing or of a wrong type.</exception>
        public abstract void Read(Fields from);

        /// <summary>An empty body of a type; null for a type that the bridge does not use.</summary>
        public static Body Of(string type)
        {
            switch (type)
            {
                case "bar": return new Bar();
                case "tick": return new Tick();
                case "hello": return new Hello();
                case "accounts": return new Accounts();
                case "order_update": return new OrderUpdate();
                case "execution": return new ExecutionReport();
                case "ack": return new Ack();
                case "lease": return new Lease();
                case "place_order": return new PlaceOrder();
                case "close_position": return new ClosePosition();
                case "move_bracket": return new MoveBracket();
                case "cancel_order": return new CancelOrder();
                case "beat": return new Beat();
                case "resend": return new Resend();
                case "alarm": return new Alarm();
                case "eval_done": return new EvalDone();
                case "topics_request": return new TopicsRequest();
                case "topics": return new Topics();
                case "history_request": return new HistoryRequest();
                case "page": return new Page();
                default: return null;
            }
        }
    }

    /// <summary>The bar of another instrument with the same close time. Without order flow AskVolume and BidVolume are null, never 0.</summary>
    public sealed class CrossBar
    {
        public string Instrument;
        public double Open, High, Low, Close;
        public long Volume;
        public long? AskVolume, BidVolume;

        public PackMap ToMap()
        {
            var map = new PackMap(8);
            map.Add("instrument", Instrument);
            map.Add("open", Open);
            map.Add("high", High);
            map.Add("low", Low);
            map.Add("close", Close);
            map.Add("volume", Volume);
            map.Add("ask_volume", AskVolume);
            map.Add("bid_volume", BidVolume);
            return map;
        }

        public static CrossBar From(Fields from)
        {
            return new CrossBar
            {
                Instrument = from.Str("instrument"),
                Open = from.Price("open"),
                High = from.Price("high"),
                Low = from.Price("low"),
                Close = from.Price("close"),
                Volume = from.Volume("volume"),
                AskVolume = from.VolumeOrNull("ask_volume"),
                BidVolume = from.VolumeOrNull("bid_volume"),
            };
        }
    }

    /// <summary>The account's position in one instrument, with its bracket. Qty is signed. Price is null when flat, Stop and Target without an order.</summary>
    public sealed class PositionReport
    {
        public string Account = "";
        public long Qty;
        public double? Price;
        public string EntryId = "";
        public double? Stop, Target;
        public List<string> Working = new List<string>();
        public double Realised;

        public PackMap ToMap()
        {
            var map = new PackMap(8);
            map.Add("account", Account);
            map.Add("qty", Qty);
            map.Add("price", Price);
            map.Add("entry_id", EntryId);
            map.Add("stop", Stop);
            map.Add("target", Target);
            map.Add("working", new List<object>(Working));
            map.Add("realised", Realised);
            return map;
        }

        public static PositionReport From(Fields from)
        {
            return new PositionReport
            {
                Account = from.Str("account"),
                Qty = from.Quantity("qty", 0),
                Price = from.PriceOrNull("price"),
                EntryId = from.Str("entry_id", ""),
                Stop = from.PriceOrNull("stop"),
                Target = from.PriceOrNull("target"),
                Working = from.Strings("working"),
                Realised = from.Dollars("realised", 0),
            };
        }
    }

    public sealed class Bar : Body
    {
        public string Instrument;
        public long OpenNs, CloseNs;
        public double Open, High, Low, Close;
        public long Volume;
        public long? AskVolume, BidVolume;
        public long Index;
        public List<CrossBar> Cross = new List<CrossBar>();
        public PositionReport Position;
        public string Phase = "realtime";

        /// <summary>Null where NinjaTrader does not tell, never 0.</summary>
        public long? Delta, UpTicks, DownTicks;

        public override string Type { get { return "bar"; } }

        public override void Write(PackMap to)
        {
            to.Add("instrument", Instrument);
            to.Add("open_ns", OpenNs);
            to.Add("close_ns", CloseNs);
            to.Add("open", Open);
            to.Add("high", High);
            to.Add("low", Low);
            to.Add("close", Close);
            to.Add("volume", Volume);
            to.Add("ask_volume", AskVolume);
            to.Add("bid_volume", BidVolume);
            to.Add("index", Index);
            var cross = new List<object>();
            foreach (CrossBar each in Cross) cross.Add(each.ToMap());
            to.Add("cross", cross);
            to.Add("position", Position == null ? null : Position.ToMap());
            to.Add("phase", Phase);
            to.Add("delta", Delta);
            to.Add("up_ticks", UpTicks);
            to.Add("down_ticks", DownTicks);
        }

        public override void Read(Fields from)
        {
            Instrument = from.Str("instrument");
            OpenNs = from.Time("open_ns");
            CloseNs = from.Time("close_ns");
            Open = from.Price("open");
            High = from.Price("high");
            Low = from.Price("low");
            Close = from.Price("close");
            Volume = from.Volume("volume");
            AskVolume = from.VolumeOrNull("ask_volume");
            BidVolume = from.VolumeOrNull("bid_volume");
            Index = from.Int("index", 0);
            Cross = from.Inner("cross").ConvertAll(CrossBar.From);
            Fields position = from.MapOrNull("position");
            Position = position == null ? null : PositionReport.From(position);
            Phase = from.Str("phase", "realtime");
            Delta = from.DeltaOrNull("delta");
            UpTicks = from.VolumeOrNull("up_ticks");
            DownTicks = from.VolumeOrNull("down_ticks");
        }
    }

    /// <summary>
    /// A last trade, or a window of them summed up: then Open, High and Low are its prices, and null otherwise. Price, Bid and Ask are
    /// those of the last trade. Null: nobody knows.
    /// </summary>
    public sealed class Tick : Body
    {
        public string Instrument;
        public long AtNs;
        public double Price;
        public long Size;
        public double? Bid, Ask;
        public long Trades = 1;
        public double? Open, High, Low;
        public long? AskVolume, BidVolume, UpTicks, DownTicks;

        public override string Type { get { return "tick"; } }

        public override void Write(PackMap to)
        {
            to.Add("instrument", Instrument);
            to.Add("at_ns", AtNs);
            to.Add("price", Price);
            to.Add("size", Size);
            to.Add("bid", Bid);
            to.Add("ask", Ask);
            to.Add("trades", Trades);
            to.Add("open", Open);
            to.Add("high", High);
            to.Add("low", Low);
            to.Add("ask_volume", AskVolume);
            to.Add("bid_volume", BidVolume);
            to.Add("up_ticks", UpTicks);
            to.Add("down_ticks", DownTicks);
        }

        public override void Read(Fields from)
        {
            Instrument = from.Str("instrument");
            AtNs = from.Time("at_ns");
            Price = from.Price("price");
            Size = from.Volume("size");
            Bid = from.PriceOrNull("bid");
            Ask = from.PriceOrNull("ask");
            Trades = from.VolumeOrNull("trades") ?? 1;
            Open = from.PriceOrNull("open");
            High = from.PriceOrNull("high");
            Low = from.PriceOrNull("low");
            AskVolume = from.VolumeOrNull("ask_volume");
            BidVolume = from.VolumeOrNull("bid_volume");
            UpTicks = from.VolumeOrNull("up_ticks");
            DownTicks = from.VolumeOrNull("down_ticks");
        }
    }

    /// <summary>One position in a hello.</summary>
    public sealed class VenuePosition
    {
        public string Instrument;
        public PositionReport Position;
    }

    /// <summary>A trade date, YYYY-MM-DD, by a trading-hours template: begin of its first session, end of its last one.</summary>
    public struct TradingDay
    {
        public string Date;
        public long OpensNs, ClosesNs;

        public PackMap ToMap()
        {
            var map = new PackMap(3);
            map.Add("date", Date);
            map.Add("opens_ns", OpensNs);
            map.Add("closes_ns", ClosesNs);
            return map;
        }

        public static TradingDay From(Fields from)
        {
            return new TradingDay { Date = from.Str("date"), OpensNs = from.Time("opens_ns"), ClosesNs = from.Time("closes_ns") };
        }
    }

    /// <summary>A chart that trades, in a hello. Contract is empty if it holds no future; Days are today and the next ten trade dates.</summary>
    public sealed class VenueChart
    {
        public string Instrument, Contract = "", Template = "";
        public List<TradingDay> Days = new List<TradingDay>();

        public PackMap ToMap()
        {
            var map = new PackMap(4);
            map.Add("instrument", Instrument);
            map.Add("contract", Contract);
            map.Add("template", Template);
            map.Add("days", Days.ConvertAll<object>(each => each.ToMap()));
            return map;
        }

        public static VenueChart From(Fields from)
        {
            return new VenueChart
            {
                Instrument = from.Str("instrument"),
                Contract = from.Str("contract", ""),
                Template = from.Str("template", ""),
                Days = from.Inner("days").ConvertAll(TradingDay.From),
            };
        }
    }

    /// <summary>An account of the platform. Money is in dollars, as the platform reports it; null if it reports none.</summary>
    public sealed class AccountFigures
    {
        public string Name, Connection = "";
        public bool Simulated, Trades;
        public double? Cash, Realised, Unrealised;

        public PackMap ToMap()
        {
            var map = new PackMap(7);
            map.Add("name", Name);
            map.Add("simulated", Simulated);
            map.Add("connection", Connection);
            map.Add("trades", Trades);
            map.Add("cash", Cash);
            map.Add("realised", Realised);
            map.Add("unrealised", Unrealised);
            return map;
        }

        public static AccountFigures From(Fields from)
        {
            return new AccountFigures
            {
                Name = from.Str("name"),
                Simulated = from.Bool("simulated", false),
                Connection = from.Str("connection", ""),
                Trades = from.Bool("trades", false),
                Cash = from.DollarsOrNull("cash"),
                Realised = from.DollarsOrNull("realised"),
                Unrealised = from.DollarsOrNull("unrealised"),
            };
        }

        /// <summary>Whether only the open profit differs, which changes with every price.</summary>
        public bool Like(AccountFigures other)
        {
            return Name == other.Name && Simulated == other.Simulated && Connection == other.Connection && Trades == other.Trades
                && Cash == other.Cash && Realised == other.Realised;
        }
    }

    /// <summary>The platform's accounts, as they stand now.</summary>
    public sealed class Accounts : Body
    {
        public List<AccountFigures> Figures = new List<AccountFigures>();

        public override string Type { get { return "accounts"; } }
        public override void Write(PackMap to) { to.Add("figures", Figures.ConvertAll<object>(each => each.ToMap())); }
        public override void Read(Fields from) { Figures = from.Inner("figures", true).ConvertAll(AccountFigures.From); }
    }

    public sealed class Hello : Body
    {
        public string Venue, Version;
        public List<string> Accounts = new List<string>();
        public List<VenuePosition> Positions = new List<VenuePosition>();
        public List<string> Working = new List<string>();
        public List<Numbered> Words = new List<Numbered>();
        public List<VenueChart> Charts = new List<VenueChart>();
        public List<AccountFigures> Figures = new List<AccountFigures>();

        public override string Type { get { return "hello"; } }

        public override void Write(PackMap to)
        {
            to.Add("venue", Venue);
            to.Add("version", Version);
            to.Add("accounts", new List<object>(Accounts));
            var positions = new List<object>();
            foreach (VenuePosition each in Positions)
            {
                var map = new PackMap(2);
                map.Add("instrument", each.Instrument);
                map.Add("position", each.Position.ToMap());
                positions.Add(map);
            }
            to.Add("positions", positions);
            to.Add("working", new List<object>(Working));
            to.Add("words", Numbered.ToMap(Words));
            to.Add("charts", Charts.ConvertAll<object>(each => each.ToMap()));
            to.Add("figures", Figures.ConvertAll<object>(each => each.ToMap()));
        }

        public override void Read(Fields from)
        {
            Venue = from.Str("venue");
            Version = from.Str("version");
            Accounts = from.Strings("accounts", true);
            Positions = from.Inner("positions").ConvertAll(
                each => new VenuePosition { Instrument = each.Str("instrument"), Position = PositionReport.From(each.MapOf("position")) });
            Working = from.Strings("working");
            Words = from.Map.TryGet("words", out _) ? Numbered.From(from.MapOf("words")) : new List<Numbered>();
            Charts = from.Inner("charts").ConvertAll(VenueChart.From);
            Figures = from.Inner("figures").ConvertAll(AccountFigures.From);
        }
    }

    /// <summary>The status of one of the gate's orders at the venue. A repeat has the same Id.</summary>
    public sealed class OrderUpdate : Body
    {
        public const string Accepted = "ACCEPTED", Rejected = "REJECTED", Cancelled = "CANCELLED", Done = "DONE";

        public string Id, OrderId, Instrument, Status;
        public double? Stop, Target;
        public string Detail = "";

        public override string Type { get { return "order_update"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("order_id", OrderId);
            to.Add("instrument", Instrument);
            to.Add("status", Status);
            to.Add("stop", Stop);
            to.Add("target", Target);
            to.Add("detail", Bounds.Sentence(Detail));
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            OrderId = from.Str("order_id");
            Instrument = from.Str("instrument");
            Status = from.Str("status");
            Stop = from.PriceOrNull("stop");
            Target = from.PriceOrNull("target");
            Detail = from.Str("detail", "");
        }
    }

    /// <summary>One fill. Qty is signed, positive buys. Named apart from NinjaTrader's own Execution.</summary>
    public sealed class ExecutionReport : Body
    {
        public string Id, OrderId, Account, Instrument;
        public long Qty;
        public double Price;
        public string Role;
        public long BarNs, BarIndex;

        public override string Type { get { return "execution"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("order_id", OrderId);
            to.Add("account", Account);
            to.Add("instrument", Instrument);
            to.Add("qty", Qty);
            to.Add("price", Price);
            to.Add("role", Role);
            to.Add("bar_ns", BarNs);
            to.Add("bar_index", BarIndex);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            OrderId = from.Str("order_id");
            Account = from.Str("account");
            Instrument = from.Str("instrument");
            Qty = from.Quantity("qty");
            Price = from.Price("price");
            Role = from.Str("role");
            BarNs = from.Time("bar_ns");
            BarIndex = from.Int("bar_index");
        }
    }

    public sealed class Ack : Body
    {
        public string Ref;

        public override string Type { get { return "ack"; } }
        public override void Write(PackMap to) { to.Add("ref", Ref); }
        public override void Read(Fields from) { Ref = from.Str("ref"); }
    }

    /// <summary>The gate is alive. Boot is its start time: a new value requests a hello.</summary>
    public sealed class Lease : Body
    {
        public bool Killed;
        public long Boot;

        public override string Type { get { return "lease"; } }

        public override void Write(PackMap to)
        {
            to.Add("killed", Killed);
            to.Add("boot", Boot);
        }

        public override void Read(Fields from)
        {
            Killed = from.Bool("killed", false);
            Boot = from.Int("boot", 0);
        }
    }

    /// <summary>A command of the gate's. Its id is never used again.</summary>
    public abstract class Command : Body
    {
        public string Id, Account, Instrument;

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("account", Account);
            to.Add("instrument", Instrument);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            Account = from.Str("account");
            Instrument = from.Str("instrument");
        }
    }

    public sealed class PlaceOrder : Command
    {
        public const string EnterLong = "ENTER_LONG", EnterShort = "ENTER_SHORT";

        public string Action;
        public long Qty;
        public double Stop;
        public double? Target;
        public long ValidUntilNs;
        public double? Limit;

        /// <summary>The month that is meant, as NinjaTrader writes it; empty: the chart's.</summary>
        public string Contract = "";

        /// <summary>
        /// How far stop and target are from the price at which the entry fills, in points; null: Stop and Target are prices. With a distance they are
        /// the prices for a fill where the entry was proposed.
        /// </summary>
        public double? StopPoints, TargetPoints;

        /// <summary>The close that the entry follows; empty: it is entered at once.</summary>
        public string After = "";

        /// <summary>1 for a long entry, -1 for a short one, 0 for no entry.</summary>
        public int Direction { get { return Action == EnterLong ? 1 : Action == EnterShort ? -1 : 0; } }

        public override string Type { get { return "place_order"; } }

        public override void Write(PackMap to)
        {
            base.Write(to);
            to.Add("action", Action);
            to.Add("qty", Qty);
            to.Add("stop", Stop);
            to.Add("target", Target);
            to.Add("valid_until_ns", ValidUntilNs);
            to.Add("limit", Limit);
            to.Add("contract", Contract);
            if (StopPoints != null) to.Add("stop_points", StopPoints); // these are written only where they say something
            if (TargetPoints != null) to.Add("target_points", TargetPoints);
            if (After != "") to.Add("after", After);
        }

        public override void Read(Fields from)
        {
            base.Read(from);
            Action = from.Str("action");
            Qty = from.Quantity("qty");
            Stop = from.Float("stop");
            Target = from.FloatOrNull("target", true);
            ValidUntilNs = from.Int("valid_until_ns");
            Limit = from.FloatOrNull("limit");
            Contract = from.Str("contract", "");
            StopPoints = from.FloatOrNull("stop_points");
            TargetPoints = from.FloatOrNull("target_points");
            After = from.Str("after", "");
        }
    }

    public sealed class ClosePosition : Command
    {
        public string EntryId, Reason;

        public override string Type { get { return "close_position"; } }

        public override void Write(PackMap to)
        {
            base.Write(to);
            to.Add("entry_id", EntryId);
            to.Add("reason", Reason);
        }

        public override void Read(Fields from)
        {
            base.Read(from);
            EntryId = from.Str("entry_id");
            Reason = from.Str("reason");
        }
    }

    public sealed class MoveBracket : Command
    {
        public string EntryId;
        public double? Stop, Target;

        public override string Type { get { return "move_bracket"; } }

        public override void Write(PackMap to)
        {
            base.Write(to);
            to.Add("entry_id", EntryId);
            to.Add("stop", Stop);
            to.Add("target", Target);
        }

        public override void Read(Fields from)
        {
            base.Read(from);
            EntryId = from.Str("entry_id");
            Stop = from.FloatOrNull("stop");
            Target = from.FloatOrNull("target");
        }
    }

    public sealed class CancelOrder : Command
    {
        public string OrderId;

        public override string Type { get { return "cancel_order"; } }

        public override void Write(PackMap to)
        {
            base.Write(to);
            to.Add("order_id", OrderId);
        }

        public override void Read(Fields from)
        {
            base.Read(from);
            OrderId = from.Str("order_id");
        }
    }

    /// <summary>Epoch and number of a topic's last message.</summary>
    public struct Numbered
    {
        public string Topic;
        public long Epoch, Seq;

        /// <summary>The numbers of many topics as one map, and back.</summary>
        public static PackMap ToMap(List<Numbered> numbers)
        {
            var map = new PackMap(numbers.Count);
            foreach (Numbered each in numbers) map.Add(each.Topic, new List<object> { each.Epoch, each.Seq });
            return map;
        }

        public static List<Numbered> From(Fields fields)
        {
            var numbers = new List<Numbered>();
            foreach (KeyValuePair<string, object> pair in fields.Map.Pairs)
            {
                List<object> at = fields.List(pair.Key);
                if (at.Count != 2 || !(at[0] is long) || !(at[1] is long)) throw fields.Wrong(pair.Key, "an epoch and a number");
                numbers.Add(new Numbered { Topic = pair.Key, Epoch = (long)at[0], Seq = (long)at[1] });
            }
            return numbers;
        }
    }

    /// <summary>When the bridge (a bar) or the venue (a command) began and ended its work, by the clock of this PC.</summary>
    public sealed class Lap
    {
        public string Stage, Instrument;
        public long BarNs, InNs, OutNs;

        public PackMap ToMap()
        {
            var map = new PackMap(5);
            map.Add("stage", Stage);
            map.Add("instrument", Instrument);
            map.Add("bar_ns", BarNs);
            map.Add("in_ns", InNs);
            map.Add("out_ns", OutNs);
            return map;
        }

        public static Lap From(Fields from)
        {
            return new Lap
            {
                Stage = from.Str("stage"), Instrument = from.Str("instrument"), BarNs = from.Time("bar_ns"), InNs = from.Time("in_ns"), OutNs = from.Time("out_ns"),
            };
        }
    }

    public sealed class Beat : Body
    {
        public string Name;
        public long Pid, StartedNs, WallNs;
        public List<Numbered> Last = new List<Numbered>();
        public long Received, Sent, Healed, Lost;
        public string Note = "";
        public long Failed, Queued, Dropped, Ticks, TicksLost;
        public List<Lap> Laps = new List<Lap>();

        public override string Type { get { return "beat"; } }

        public override void Write(PackMap to)
        {
            to.Add("name", Name);
            to.Add("pid", Pid);
            to.Add("started_ns", StartedNs);
            to.Add("wall_ns", WallNs);
            to.Add("last", Numbered.ToMap(Last));
            to.Add("received", Received);
            to.Add("sent", Sent);
            to.Add("healed", Healed);
            to.Add("lost", Lost);
            to.Add("note", Note);
            to.Add("failed", Failed);
            to.Add("queued", Queued);
            to.Add("dropped", Dropped);
            to.Add("laps", Laps.ConvertAll(lap => (object)lap.ToMap()));
            to.Add("ticks", Ticks);
            to.Add("ticks_lost", TicksLost);
        }

        public override void Read(Fields from)
        {
            Name = from.Str("name");
            Pid = from.Int("pid");
            StartedNs = from.Int("started_ns");
            WallNs = from.Int("wall_ns");
            Last = Numbered.From(from.MapOf("last"));
            Received = from.Int("received", 0);
            Sent = from.Int("sent", 0);
            Healed = from.Int("healed", 0);
            Lost = from.Int("lost", 0);
            Note = from.Str("note", "");
            Failed = from.Int("failed", 0);
            Queued = from.Int("queued", 0);
            Dropped = from.Int("dropped", 0);
            Laps = from.Inner("laps").ConvertAll(Lap.From);
            Ticks = from.Int("ticks", 0);
            TicksLost = from.Int("ticks_lost", 0);
        }
    }

    public sealed class Resend : Body
    {
        public string Topic;
        public long OfEpoch, First, Last;

        public override string Type { get { return "resend"; } }

        public override void Write(PackMap to)
        {
            to.Add("topic", Topic);
            to.Add("of_epoch", OfEpoch);
            to.Add("first", First);
            to.Add("last", Last);
        }

        public override void Read(Fields from)
        {
            Topic = from.Str("topic");
            OfEpoch = from.Number("of_epoch");
            First = from.Number("first");
            Last = from.Number("last");
        }
    }

    public sealed class Alarm : Body
    {
        public string Name, Text;

        public override string Type { get { return "alarm"; } }

        public override void Write(PackMap to)
        {
            to.Add("name", Name);
            to.Add("text", Bounds.Sentence(Text));
        }

        public override void Read(Fields from)
        {
            Name = from.Str("name");
            Text = from.Str("text");
        }
    }

    public sealed class EvalDone : Body
    {
        public string Instrument, Session;
        public long BarNs, BarIndex, Intents;
        public List<string> Orders = new List<string>();

        public override string Type { get { return "eval_done"; } }

        public override void Write(PackMap to)
        {
            to.Add("instrument", Instrument);
            to.Add("session", Session);
            to.Add("bar_ns", BarNs);
            to.Add("bar_index", BarIndex);
            to.Add("intents", Intents);
            to.Add("orders", new List<object>(Orders));
        }

        public override void Read(Fields from)
        {
            Instrument = from.Str("instrument");
            Session = from.Str("session");
            BarNs = from.Time("bar_ns");
            BarIndex = from.Int("bar_index");
            Intents = from.Int("intents", 0);
            Orders = from.Strings("orders");
        }
    }

    public sealed class TopicsRequest : Body
    {
        public string Id, Prefix = "";

        public override string Type { get { return "topics_request"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("prefix", Prefix);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            Prefix = from.Str("prefix", "");
        }
    }

    /// <summary>One topic of a journal: how many records it has, and the epoch and number of the last.</summary>
    public struct TopicLength
    {
        public string Topic;
        public long Records, Epoch, Seq;
    }

    public sealed class Topics : Body
    {
        public string Id;
        public List<TopicLength> Lengths = new List<TopicLength>();

        public override string Type { get { return "topics"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            var lengths = new List<object>();
            foreach (TopicLength each in Lengths)
            {
                var map = new PackMap(4);
                map.Add("topic", each.Topic);
                map.Add("records", each.Records);
                map.Add("epoch", each.Epoch);
                map.Add("seq", each.Seq);
                lengths.Add(map);
            }
            to.Add("topics", lengths);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            Lengths = from.Inner("topics", true).ConvertAll(each => new TopicLength
            {
                Topic = each.Str("topic"), Records = each.Int("records"), Epoch = each.Int("epoch"), Seq = each.Int("seq"),
            });
        }
    }

    public sealed class HistoryRequest : Body
    {
        public string Id, Topic;
        public long Start, Count;

        public override string Type { get { return "history_request"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("topic", Topic);
            to.Add("start", Start);
            to.Add("count", Count);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            Topic = from.Str("topic");
            Start = from.Int("start");
            Count = from.Int("count");
        }
    }

    public sealed class Page : Body
    {
        public string Id, Topic;
        public long Start;
        public List<byte[]> Frames = new List<byte[]>();
        public long End;

        public override string Type { get { return "page"; } }

        public override void Write(PackMap to)
        {
            to.Add("id", Id);
            to.Add("topic", Topic);
            to.Add("start", Start);
            var frames = new List<object>();
            foreach (byte[] each in Frames) frames.Add(each);
            to.Add("frames", frames);
            to.Add("end", End);
        }

        public override void Read(Fields from)
        {
            Id = from.Str("id");
            Topic = from.Str("topic");
            Start = from.Int("start");
            Frames = from.Frames("frames");
            End = from.Int("end");
        }
    }
}
