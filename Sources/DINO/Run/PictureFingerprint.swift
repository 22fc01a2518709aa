/// What tells one folder of pictures from another: their number, and a hash of their names in order
/// (FNV-1a, 64 bits).
struct PictureFingerprint: Hashable, Codable {
    let count: Int
    let hash: String

    init(_ names: some Collection<String>) {
        count = names.count
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for name in names {
            // A byte that is in no name ends each.
            for byte in Array(name.utf8) + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        self.hash = String(hash, radix: 16)
    }
}
