// The link with the gate: messages out until they are acknowledged, commands and leases in.

using System;
using System.Collections.Generic;
using System.Threading;

namespace Tapewire
{
    /// <summary>
    /// The venue's end of the link with the gate. An outgoing message is resent until the gate has it on disk. A command is written to our own
    /// disk, then acknowledged, then passed to the chart of its instrument. A lease says that the gate is alive and whether its kill
    /// switch is latched; a gate that is new, or that was silent for long, gets a hello.
    ///
    /// Threads: the poller's only, except LeaseAgeMs and Killed, which any thread may read.
    /// </summary>
    sealed class VenueLink
    {
        const int SilentMs = 3000; // after which a lease counts as a new connection
        const int LookMs = 1000, AccountsMs = 60000; // how often the accounts are looked at, and how often they are sent if only the open profit changes

        readonly IPoller _poller;
        readonly Numbering _numbering;
        readonly Charts _charts;
        readonly Memory _memory;
        readonly Outbox _outbox;
        readonly Dictionary<string, Action> _onAcknowledged = new Dictionary<string, Action>();
        readonly Dictionary<string, Inbox> _inboxes = new Dictionary<string, Inbox>();
        readonly Limits _limits = new Limits();
        readonly Dictionary<string, Lap> _began = new Dictionary<string, Lap>(); // by command, until the first report on it
        List<AccountFigures> _accounts; // as the gate has been told; null before the first hello
        long _leaseMs = -1, _boot, _lookedMs, _toldMs;
        int _killed;

        public VenueLink(IPoller poller, Numbering numbering, Charts charts, Memory memory)
        {
            _poller = poller;
            _numbering = numbering;
            _charts = charts;
            _memory = memory;
            _outbox = new Outbox(poller.Counters);
            foreach (var last in memory.LastTaken())
            {
                _inboxes[last.Key] = new Inbox();
                _inboxes[last.Key].Prime(last.Value.Key, last.Value.Value);
            }
        }

        /// <summary>Time since the last lease, in milliseconds; negative before the first.</summary>
        public long LeaseAgeMs
        {
            get
            {
                long at = Interlocked.Read(ref _leaseMs);
                return at < 0 ? -1 : _poller.NowMs - at;
            }
        }

        /// <summary>The gate's kill switch, as of the last lease.</summary>
        public bool Killed { get { return _killed != 0; } }

        /// <summary>`ready`, or why entries are refused here: for `tapewire doctor`, which cannot see the chart.</summary>
        public string Note()
        {
            List<ITrader> traders = _charts.Traders();
            if (traders.Count == 0) return "ready";
            var reasons = new List<string>();
            long age = LeaseAgeMs;
            if (age < 0 || age > Checks.LeaseMs) reasons.Add("no lease");
            if (Killed) reasons.Add("killed");
            ITrader stopped = traders.Find(each => each.Stopped != "");
            if (stopped != null) reasons.Add("halted: " + stopped.Stopped);
            return reasons.Count == 0 ? "ready" : string.Join("; ", reasons);
        }

        // --- out --------------------------------------------------------------------------------------------------------------------

        /// <summary>Number of the last message that was put into the outbox, for AcknowledgedUpTo.</summary>
        public long LastMessage { get; private set; }

        /// <summary>The gate has acknowledged every message up to this number.</summary>
        public bool AcknowledgedUpTo(long number) { return _outbox.DoneUpTo(number); }

        /// <summary>Sends a message about an instrument until the gate acknowledges it; then runs `acknowledged` (null: nothing).</summary>
        public void Deliver(string instrument, Body body, long eventNs, string cause, Action acknowledged)
        {
            _numbering.WhenReady(() => Put("venue." + instrument + ".", body, eventNs, cause, acknowledged));
        }

        /// <summary>Sends what stands in the accounts of all charts that trade; nothing if none does.</summary>
        public void Hello()
        {
            var hello = new Hello { Venue = "NinjaTrader", Version = Transport.Version };
            long atNs = 0;
            foreach (ITrader trader in _charts.Traders())
            {
                VenuePosition position = trader.Snapshot(hello.Working, out string account, out long barNs);
                if (!hello.Accounts.Contains(account)) hello.Accounts.Add(account);
                hello.Charts.Add(trader.Described);
                if (position.Position.Qty != 0) hello.Positions.Add(position);
                atNs = Math.Max(atNs, barNs);
            }
            if (hello.Accounts.Count == 0) return;
            hello.Figures = Told(_charts.Traders()[0].Accounts());
            hello.Words = _numbering.Link.Numbers();
            _poller.Counters.Hellos++;
            _poller.Counters.Queued();
            Put("venue.nt.", hello, atNs, "", null);
        }

        /// <summary>Sends the accounts if one has changed, or after a minute; while the gate is there, so that none of them waits for it.</summary>
        public void Look()
        {
            List<ITrader> traders = _charts.Traders();
            if (_accounts == null || traders.Count == 0 || _poller.NowMs - _lookedMs < LookMs || LeaseAgeMs < 0 || LeaseAgeMs > SilentMs) return;
            _lookedMs = _poller.NowMs;
            List<AccountFigures> now = traders[0].Accounts();
            bool like = now.Count == _accounts.Count;
            for (int at = 0; like && at < now.Count; at++) like = now[at].Like(_accounts[at]);
            if (like && _poller.NowMs - _toldMs < AccountsMs) return;
            long atNs = 0;
            foreach (ITrader trader in traders) atNs = Math.Max(atNs, trader.LastNs);
            _poller.Counters.Queued();
            Put("venue.accounts.", new Accounts { Figures = Told(now) }, atNs, "", null);
        }

        List<AccountFigures> Told(List<AccountFigures> accounts)
        {
            _toldMs = _poller.NowMs;
            return _accounts = accounts;
        }

        /// <summary>Sends what is due.</summary>
        public void Flush() { _outbox.Due(_poller.NowMs, (topic, frame) => _poller.Send(Peer.Gate, topic, frame)); }

        void Put(string topic, Body body, long eventNs, string cause, Action acknowledged)
        {
            var fill = body as ExecutionReport;
            if (fill != null) fill.BarIndex += _numbering.Shift(_charts.StrategyOn(fill.Instrument));
            Header header = _numbering.Link.Next(topic, eventNs, cause);
            string reference = Wire.Ref(topic, header.Epoch, header.Seq);
            if (acknowledged != null) _onAcknowledged[reference] = acknowledged;
            LastMessage = _outbox.Put(reference, Wire.Topic(topic), Wire.Encode(header, body), _poller.NowMs);
            _poller.Counters.Messages++;
            if (!_began.TryGetValue(cause, out Lap began)) return;
            _began.Remove(cause);
            _poller.Counters.Laps.Note(began);
        }

        // --- in ---------------------------------------------------------------------------------------------------------------------

        /// <summary>One message of the gate's: an empty frame, a topic, a map.</summary>
        public void Receive(List<byte[]> frames)
        {
            Message message;
            try
            {
                if (frames.Count != 3 || frames[0].Length != 0) throw new Refusal(frames.Count + " frames, a message on the link has 3, the first empty");
                message = Wire.DecodeHeader(frames[1], frames[2]);
            }
            catch (Refusal refusal)
            {
                _poller.Refused(refusal, "on the venue link");
                return;
            }
            if (message.Type == "ack") Acknowledged(message);
            else if (message.Type == "lease") Leased(message);
            else if (message.Topic.StartsWith("command.", StringComparison.Ordinal)) Commanded(message);
            else
            {
                _poller.Counters.Unreadable++;
                _poller.Raise("unreadable", "on the venue link: " + message.Type + " on " + message.Topic + ", which is not for the venue");
                Acknowledge(message);
            }
        }

        void Acknowledged(Message message)
        {
            string reference = message.Fields.Str("ref");
            if (!_outbox.Done(reference)) return;
            _poller.Counters.Delivered();
            if (!_onAcknowledged.TryGetValue(reference, out Action acknowledged)) return;
            _onAcknowledged.Remove(reference);
            acknowledged();
        }

        void Leased(Message message)
        {
            var lease = new Lease();
            lease.Read(message.Fields);
            long age = LeaseAgeMs;
            bool first = age < 0;
            bool reconnected = age > SilentMs || lease.Boot != _boot;
            _boot = lease.Boot;
            Interlocked.Exchange(ref _leaseMs, _poller.NowMs);
            Interlocked.Exchange(ref _killed, lease.Killed ? 1 : 0);
            if (!reconnected || first || !_numbering.Ready) return;
            _outbox.Hurry(_poller.NowMs);
            Hello();
        }

        void Commanded(Message bare)
        {
            _limits.Check(bare.Topic, bare.Header, UnixTime.NowNs());
            if (!_inboxes.TryGetValue(bare.Topic, out Inbox inbox)) _inboxes[bare.Topic] = inbox = new Inbox();
            foreach (Message message in inbox.Admit(bare)) _poller.Guard(() => Take(message));
        }

        /// <summary>Writes a command down, acknowledges it, then passes it on. A command that cannot be carried out is refused.</summary>
        void Take(Message bare)
        {
            _poller.Counters.Commands++;
            string id = bare.Fields.Map.TryGet("id", out object given) ? given as string ?? "" : "";
            string instrument = bare.Topic.Split('.')[1];
            ITrader trader = _charts.Traders().Find(each => each.Instrument == instrument);
            Message message = bare;
            string why = trader == null ? "INSTRUMENT: no bridge trades " + instrument + " here" : Unfit(bare, id, instrument, out message);
            if (why != "")
            {
                _poller.Counters.Unreadable++;
                _poller.Raise("command_refused", bare.Ref + " " + bare.Type + ": " + why);
                Acknowledge(bare);
                if (id == "") return;
                if (trader != null) trader.Unreadable(bare, id, why);
                else RejectFor(instrument, bare, id, why);
                return;
            }
            bool repeat = !_memory.Take(message, instrument, id);
            if (repeat) _poller.Counters.Repeats++;
            else if (_began.Count < Laps.Most) _began[message.Ref] = Laps.Begin("venue", instrument, message.Header.EventNs);
            Acknowledge(message);
            trader.Command(message, repeat);
        }

        /// <summary>Why a message is no command for this instrument; empty if it is one, which is then in `message`.</summary>
        static string Unfit(Message bare, string id, string instrument, out Message message)
        {
            message = bare;
            var command = Body.Of(bare.Type) as Command;
            if (command == null) return "TYPE: " + bare.Type + " is no command";
            try
            {
                command.Read(bare.Fields);
            }
            catch (Refusal refusal)
            {
                return "FIELD: " + refusal.Message;
            }
            if (!Checks.IsId(id)) return "ID: an id is 1 to " + Checks.LongestId + " printable characters without spaces";
            if (command.Instrument != instrument) return "INSTRUMENT: " + command.Instrument + " on the topic of " + instrument;
            message = new Message(bare.Topic, bare.Header, bare.Type, command, bare.Fields);
            return "";
        }

        void RejectFor(string instrument, Message message, string id, string why)
        {
            var update = new OrderUpdate
            {
                Id = instrument + "-" + id + "-" + OrderUpdate.Rejected, OrderId = id, Instrument = instrument, Status = OrderUpdate.Rejected, Detail = why,
            };
            _poller.Counters.Queued();
            Deliver(instrument, update, message.Header.EventNs, message.Ref, null);
        }

        void Acknowledge(Message message)
        {
            _poller.Send(Peer.Gate, Wire.Topic("ack."), Wire.Encode(_numbering.Unnumbered(), new Ack { Ref = message.Ref }));
        }
    }
}
