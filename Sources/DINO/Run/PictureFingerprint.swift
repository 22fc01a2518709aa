/// What tells one folder of pictures from another: their number, and a hash of their names in order.
struct PictureFingerprint: Hashable, Codable {
    let count: Int
    let hash: String

    init(_ names: some Collection<String>) {
        count = names.count
        var hash = FNV1a()
        for name in names {
            hash.add(name.utf8)
            // A byte that is in no name ends each.
            hash.add(CollectionOfOne(0))
        }
        self.hash = String(hash.value, radix: 16)
    }
}

/// The hash FNV-1a of 64 bits (Fowler, Noll and Vo; RFC 9923).
struct FNV1a {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
}
