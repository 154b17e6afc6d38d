//! What Redis does in one step.

/// KEYS: lock, fence. ARGV: nonce, lease in ms, the nonce of a lock that this handle could not give back. The
/// fencing token, or nothing if another handle has the lock. To ask again, because the answer got lost, gives the
/// same token.
pub(super) const LOCK: &str = "
local held = redis.call('GET', KEYS[1])
if held then
    local token, nonce = string.match(held, '^(%d+)%.(.+)$')
    if nonce == ARGV[1] then return token end
    if nonce ~= ARGV[3] then return false end
end
local token = string.format('%d', redis.call('INCR', KEYS[2]))
redis.call('SET', KEYS[1], token .. '.' .. ARGV[1], 'PX', ARGV[2])
return token
";

/// KEYS: lock, record. ARGV: what the lock holds if it is ours.
pub(super) const UNLOCK: &str = "
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('HDEL', KEYS[2], 'begun')
return redis.call('DEL', KEYS[1])
";

/// KEYS: record. ARGV: the version that was read, the new one, record, key, whether the one there is kept
/// beside it, the versions before the new one. 0: it was written since then.
pub(super) const SAVE: &str = "
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version == ARGV[2] then return 1 end
if version ~= ARGV[1] then return 0 end
local record = redis.call('HGET', KEYS[1], 'record')
if record and ARGV[5] ~= '' then redis.call('HSET', KEYS[1], 'damaged', record) end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3], 'key', ARGV[4], 'earlier', ARGV[6])
redis.call('HDEL', KEYS[1], 'begun')
return 1
";

/// KEYS: record. ARGV: the version that was read. 0: the record was written since then.
pub(super) const REMOVE: &str = "
local version = redis.call('HGET', KEYS[1], 'version') or ''
if version == '' then return 1 end
if version ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
return 1
";

/// KEYS: a key of its own, lock, record. ARGV: as many bytes as a record has, what the lock holds if it is ours,
/// the time in ms. Fails where a save would: no memory, a replica, no rights.
pub(super) const PREPARE: &str = "
redis.call('SET', KEYS[1], ARGV[1], 'PX', 1000)
redis.call('DEL', KEYS[1])
redis.call('HDEL', KEYS[1], 'begun')
redis.call('HSET', KEYS[1], 'begun', ARGV[3])
redis.call('HDEL', KEYS[1], 'begun')
redis.call('HGET', KEYS[3], 'version')
if redis.call('GET', KEYS[2]) == ARGV[2] and redis.call('EXISTS', KEYS[3]) == 1 then
    redis.call('HSET', KEYS[3], 'begun', ARGV[3])
end
return 1
";
