import Tensors

/// A pickle, split into opcodes with their arguments.
struct Pickle {
    var operations: [[UInt8]] = []
    /// The bytes after the last pickle, or from the first that cannot be parsed.
    var rest: [UInt8] = []

    /// - Parameter pickles: the number of consecutive pickles; a legacy file has four.
    init(_ bytes: [UInt8], pickles: Int = 1) {
        var at = 0
        var ends = 0
        while at < bytes.count, ends < pickles {
            guard let length = Self.length(at, bytes), length <= bytes.count - at else { break }
            operations.append(Array(bytes[at..<at + length]))
            if bytes[at] == UInt8(ascii: ".") { ends += 1 }
            at += length
        }
        rest = Array(bytes[at...])
    }

    var bytes: [UInt8] { operations.joined() + rest }

    /// The number of bytes of an opcode with its argument (Python's Lib/pickletools.py).
    private static func length(_ at: Int, _ bytes: [UInt8]) -> Int? {
        func counted(_ size: Int) -> Int {
            1 + size + max(0, bytes.integer(at: at + 1, size: size, isBigEndian: false))
        }
        switch bytes[at] {
        case 0x80, 0x4B, 0x68, 0x71: return 2
        case 0x4D: return 3
        case 0x4A, 0x6A, 0x72: return 5
        case 0x47, 0x95: return 9
        case 0x43, 0x55, 0x8A, 0x8C: return counted(1)
        case 0x42, 0x54, 0x58, 0x8B: return counted(4)
        case 0x8D, 0x8E, 0x96:
            let count = counted(8)
            return count < bytes.count ? count : nil
        case 0x63:
            let ends = bytes[at...].indices.filter { bytes[$0] == 10 }.prefix(2)
            return ends.count == 2 ? ends[ends.startIndex + 1] + 1 - at : nil
        default: return 1
        }
    }

    private static let opcodes: [UInt8] = [
        0x28, 0x29, 0x2E, 0x30, 0x31, 0x32, 0x42, 0x43, 0x47, 0x4A, 0x4B, 0x4D, 0x4E, 0x51, 0x52,
        0x54, 0x55, 0x58, 0x5D, 0x61, 0x62, 0x63, 0x65, 0x68, 0x69, 0x6A, 0x6F, 0x71, 0x72, 0x73,
        0x74, 0x75, 0x7D, 0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x8C, 0x8D, 0x8E,
        0x8F, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98,
    ]

    private func places(of opcodes: Set<UInt8>) -> [Int] {
        operations.indices.filter { opcodes.contains(operations[$0][0]) }
    }

    mutating func mutate(using random: inout Xoshiro256) {
        guard !operations.isEmpty else { return rest.mutate(others: [[46]], using: &random) }
        let at = random.position(in: operations.count)
        let end = min(operations.count, at + (random.oneIn(2) ? 1 : random.length(upTo: 40)))
        let integers = places(of: [0x4A, 0x4B, 0x4D, 0x8A])
        let strings = places(of: [0x58, 0x8C, 0x55])
        switch random.below(12) {
        case 0, 1, 2:
            // Integers are sizes, strides, offsets and counts.
            guard !integers.isEmpty else { return }
            operations[random.pick(integers)] =
                [0x8A, 8]
                + integerBytes(random.pick(Interesting.integers), size: 8, isBigEndian: false)
        case 3:
            guard !integers.isEmpty else { return }
            operations.swapAt(random.pick(integers), random.pick(integers))
        case 4, 5:
            guard !strings.isEmpty else { return }
            let text = Array(
                random.pick(Interesting.texts + ["storage", "0", "1", "cpu", "cls_token"]).utf8)
            operations[random.pick(strings)] =
                [0x58] + integerBytes(text.count, size: 4, isBigEndian: false) + text
        case 6:
            guard !strings.isEmpty else { return }
            operations.swapAt(random.pick(strings), random.pick(strings))
        case 7: operations.removeSubrange(at..<end)
        case 8:
            let copy = operations[at..<end]
            operations.insert(contentsOf: copy, at: random.below(operations.count))
        case 9: operations[at][0] = random.pick(Self.opcodes)
        case 10: operations.insert([random.pick(Self.opcodes)], at: at)
        default: operations[at].mutate(others: [[0x2E], [0x28]], using: &random)
        }
    }
}

/// Mutations of the files of `torch.save`, in both of its formats.
enum TorchMutations {
    private static let legacyMagicCount = 15

    /// Nil if the bytes are in neither format.
    static func mutated(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        if var zip = ZipFile(bytes) {
            mutate(&zip, using: &random)
            return zip.bytes
        }
        guard bytes.starts(with: [0x80, 0x02, 0x8A, 0x0A]), bytes.count > legacyMagicCount else {
            return nil
        }
        var pickle = Pickle(Array(bytes[legacyMagicCount...]), pickles: 4)
        if random.oneIn(4) {
            pickle.rest.mutateFloats(in: 0..<pickle.rest.count, using: &random)
        } else {
            pickle.mutate(using: &random)
        }
        return bytes[..<legacyMagicCount] + pickle.bytes
    }

    private static func mutate(_ zip: inout ZipFile, using random: inout Xoshiro256) {
        let at = random.below(zip.entries.count)
        switch random.below(10) {
        case 0: zip.entries.remove(at: at)
        case 1: zip.entries.append(zip.entries[at])
        case 2: zip.entries[at].name.mutate(others: zip.entries.map(\.name), using: &random)
        case 3: zip.entries[at].data.mutate(others: [[0]], using: &random)
        case 4:
            let whole = 0..<zip.entries[at].data.count
            zip.entries[at].data.mutateFloats(in: whole, using: &random)
        default:
            guard
                let index = zip.entries.firstIndex(where: {
                    $0.name.suffix(8) == Array("data.pkl".utf8)
                })
            else { return }
            var pickle = Pickle(zip.entries[index].data)
            pickle.mutate(using: &random)
            zip.entries[index].data = pickle.bytes
        }
    }
}
