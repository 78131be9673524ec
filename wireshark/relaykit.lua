-- Wireshark dissector for packet relays: the frames of iroh-v3, on the raw
-- upgrade ("Upgrade: iroh derp http") and in WebSocket messages.
--
-- Names and fields are those of relay-cli decode.  The table is compared with
-- the codec's by a test: one row a frame, "number name sender".

local FRAMES = {
	[0x02] = { "ClientInfo", "client" },
	[0x04] = { "SendPacket", "client" },
	[0x05] = { "RecvPacket", "relay" },
	[0x06] = { "KeepAlive", "relay" },
	[0x07] = { "NotePreferred", "client" },
	[0x08] = { "PeerGone", "relay" },
	[0x0c] = { "Ping", "both" },
	[0x0d] = { "Pong", "both" },
	[0x0e] = { "Health", "relay" },
	[0x0f] = { "Restarting", "relay" },
}

local HEADER = 5 -- type u8, length u32
local MAX_FRAME = 1048576 -- payload of a raw frame
local MAGIC = "52454c4159f09f9491"
local MAGIC_LEN, KEY_LEN, SIGNATURE_LEN = 9, 32, 64

local proto = Proto("relaykit", "Packet relay")
local f = {
	what = ProtoField.string("relaykit.what", "Frame"),
	type = ProtoField.uint8("relaykit.type", "Type", base.HEX),
	len = ProtoField.uint32("relaykit.len", "Length"),
	magic = ProtoField.bytes("relaykit.magic", "Magic"),
	key = ProtoField.bytes("relaykit.key", "Key"),
	signature = ProtoField.bytes("relaykit.signature", "Signature"),
	message = ProtoField.bytes("relaykit.message", "Message"),
	data = ProtoField.bytes("relaykit.data", "Data"),
	data_len = ProtoField.uint32("relaykit.data_len", "Data length"),
	text = ProtoField.string("relaykit.text", "Text"),
	reconnect_in_ms = ProtoField.uint32("relaykit.reconnect_in_ms", "Reconnect in (ms)"),
	try_for_ms = ProtoField.uint32("relaykit.try_for_ms", "Try for (ms)"),
}
proto.fields = f
local wrong_length = ProtoExpert.new("relaykit.wrong_length", "Wrong length",
	expert.group.MALFORMED, expert.severity.ERROR)
local wrong_magic = ProtoExpert.new("relaykit.wrong_magic", "Wrong magic",
	expert.group.PROTOCOL, expert.severity.ERROR)
local unknown_type = ProtoExpert.new("relaykit.unknown_type", "Unknown frame type",
	expert.group.PROTOCOL, expert.severity.ERROR)
local over_limit = ProtoExpert.new("relaykit.over_limit", "Length above the limit",
	expert.group.MALFORMED, expert.severity.ERROR)
proto.experts = { wrong_length, wrong_magic, unknown_type, over_limit }

-- ---- fields ----

-- At most |n| bytes from |at|; nil if there are none.
local function cut(buf, at, n)
	local left = buf:len() - at
	if left <= 0 then
		return nil
	end
	return buf(at, math.min(n, left))
end

local function add(tree, field, range)
	if range ~= nil then
		tree:add(field, range)
	end
end

local function want(tree, ok)
	if not ok then
		tree:add_proto_expert_info(wrong_length)
	end
end

local function packet(buf, tree)
	add(tree, f.key, cut(buf, 0, KEY_LEN))
	want(tree, buf:len() >= KEY_LEN)
	if buf:len() >= KEY_LEN then
		tree:add(f.data_len, buf:len() - KEY_LEN):set_generated()
		add(tree, f.data, cut(buf, KEY_LEN, buf:len()))
	end
end

local function eight(buf, tree)
	add(tree, f.data, cut(buf, 0, buf:len()))
	want(tree, buf:len() == 8)
end

local PAYLOADS = {
	ClientInfo = function(buf, tree)
		local magic = cut(buf, 0, MAGIC_LEN)
		local at = MAGIC_LEN
		add(tree, f.magic, magic)
		if magic ~= nil and magic:bytes():tohex(true) ~= MAGIC then
			tree:add_proto_expert_info(wrong_magic)
		end
		add(tree, f.key, cut(buf, at, KEY_LEN))
		at = at + KEY_LEN
		add(tree, f.signature, cut(buf, at, SIGNATURE_LEN))
		at = at + SIGNATURE_LEN
		add(tree, f.message, cut(buf, at, buf:len()))
		want(tree, buf:len() >= at)
	end,
	SendPacket = packet,
	RecvPacket = packet,
	KeepAlive = function(buf, tree)
		want(tree, buf:len() == 0)
	end,
	NotePreferred = function(buf, tree)
		add(tree, f.data, cut(buf, 0, buf:len()))
		want(tree, buf:len() == 1)
	end,
	PeerGone = function(buf, tree)
		add(tree, f.key, cut(buf, 0, KEY_LEN))
		want(tree, buf:len() == KEY_LEN)
	end,
	Ping = eight,
	Pong = eight,
	Health = function(buf, tree)
		add(tree, f.text, cut(buf, 0, buf:len()))
	end,
	Restarting = function(buf, tree)
		if buf:len() >= 8 then
			tree:add(f.reconnect_in_ms, buf(0, 4))
			tree:add(f.try_for_ms, buf(4, 4))
		end
		want(tree, buf:len() == 8)
	end,
}

-- ---- frames ----

local function name_of(type)
	local row = FRAMES[type]
	return row ~= nil and row[1] or string.format("unknown 0x%02x", type)
end

-- |whole| is the frame with its header, |header| the header's length.
local function frame(whole, header, pinfo, tree)
	local type = whole(0, 1):uint()
	local name = name_of(type)
	local sub = tree:add(proto, whole(), "Packet relay: " .. name)
	sub:add(f.what, whole(0, 1), name)
	sub:add(f.type, whole(0, 1))
	if header == HEADER then
		sub:add(f.len, whole(1, 4))
	else
		sub:add(f.len, whole:len() - header):set_generated()
	end
	pinfo.cols.info:append(" " .. name)
	if PAYLOADS[name] == nil then
		sub:add_proto_expert_info(unknown_type)
		return
	end
	if whole:len() > header then
		PAYLOADS[name](whole(header):tvb(), sub)
	else
		PAYLOADS[name](ByteArray.new():tvb("empty"), sub)
	end
end

-- Several in a segment, the last one perhaps not whole: what is missing is
-- asked for.
function proto.dissector(buf, pinfo, tree)
	local at, len = 0, buf:len()
	pinfo.cols.protocol = "RELAY"
	while at < len do
		if len - at < HEADER then
			pinfo.desegment_offset = at
			pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
			return len
		end
		local size = buf(at + 1, 4):uint()
		if size > MAX_FRAME then
			local sub = tree:add(proto, buf(at), "Packet relay: rest")
			sub:add_proto_expert_info(over_limit)
			return len
		end
		if len - at < HEADER + size then
			pinfo.desegment_offset = at
			pinfo.desegment_len = HEADER + size - (len - at)
			return len
		end
		frame(buf(at, HEADER + size):tvb(), HEADER, pinfo, tree)
		at = at + HEADER + size
	end
	return len
end

-- ---- WebSocket: one message is one frame ----

-- There is no sub-protocol to go by: the connections whose first message is
-- a ClientInfo.
local known = {}
local stream_field = Field.new("tcp.stream")

function proto.init()
	known = {}
end

local function is_client_info(buf)
	return buf:len() >= 1 + MAGIC_LEN + KEY_LEN + SIGNATURE_LEN and
		buf(0, 1):uint() == 0x02 and
		buf(1, MAGIC_LEN):bytes():tohex(true) == MAGIC
end

local function message(buf, pinfo, tree)
	local stream = stream_field()
	if stream == nil or buf:len() == 0 then
		return false
	end
	if is_client_info(buf) then
		known[stream.value] = true
	end
	if not known[stream.value] then
		return false
	end
	pinfo.cols.protocol = "RELAY"
	frame(buf, 1, pinfo, tree)
	return true
end

DissectorTable.get("http.upgrade"):add("iroh derp http", proto)
proto:register_heuristic("ws", message)
