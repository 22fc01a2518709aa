import Foundation
import Tensors

/// A safetensors file, split into its header and its data.
struct SafetensorsFile {
    private var header: [UInt8]
    private var data: [UInt8]

    /// Nil if the header extends beyond the file.
    init?(_ bytes: [UInt8]) {
        let length = bytes.integer(at: 0, size: 8, isBigEndian: false)
        guard bytes.count > 8, length >= 0, length <= bytes.count - 8 else { return nil }
        header = Array(bytes[8..<8 + length])
        data = Array(bytes[(8 + length)...])
    }

    var bytes: [UInt8] { integerBytes(header.count, size: 8, isBigEndian: false) + header + data }

    /// A changed file; nil if the bytes are not one.
    static func mutated(_ bytes: [UInt8], using random: inout Xoshiro256) -> [UInt8]? {
        guard var file = SafetensorsFile(bytes) else { return nil }
        file.mutate(using: &random)
        return file.bytes
    }

    mutating func mutate(using random: inout Xoshiro256) {
        switch random.below(8) {
        case 0, 1: data.mutateFloats(in: 0..<data.count, using: &random)
        case 2, 3: rearrange(using: &random)
        default:
            guard var text = JSONText(header) else {
                return header.mutate(others: [Array("{}".utf8)], using: &random)
            }
            text.mutate(using: &random)
            header = text.bytes
        }
    }

    fileprivate struct Entry {
        var name: String
        var type: String
        var shape: [Int]
        var data: [UInt8]
    }

    /// Changes, removes or renames a tensor, and keeps header and data consistent.
    private mutating func rearrange(using random: inout Xoshiro256) {
        guard let (found, metadata) = entries, !found.isEmpty else { return }
        var entries = found
        let index = random.below(entries.count)
        let names = entries.map(\.name)
        switch random.below(6) {
        case 0: entries.remove(at: index)
        case 1:
            entries[index].name = random.pick(names + ["", "cls_token", "head.weight", "a.b.c"])
        case 2:
            let extra = entries[index]
            entries.append(extra)
            entries[entries.count - 1].name += random.pick(["2", ".weight", "\u{1B}[0m", "."])
        case 3: entries[index].reshape(using: &random)
        case 4: entries[index].resize(using: &random)
        default:
            let other = random.below(entries.count)
            let name = entries[index].name
            entries[index].name = entries[other].name
            entries[other].name = name
        }
        write(entries, metadata)
    }

    private var entries: ([Entry], metadata: Any?)? {
        guard let object = try? JSONSerialization.jsonObject(with: Data(header)),
            var fields = object as? [String: Any]
        else { return nil }
        let metadata = fields.removeValue(forKey: "__metadata__")
        let entries = fields.sorted { $0.key < $1.key }.compactMap { name, value -> Entry? in
            guard let field = value as? [String: Any], let type = field["dtype"] as? String,
                let shape = field["shape"] as? [Int], let range = field["data_offsets"] as? [Int],
                range.count == 2, 0 <= range[0], range[0] <= range[1], range[1] <= data.count
            else { return nil }
            return Entry(
                name: name, type: type, shape: shape, data: Array(data[range[0]..<range[1]]))
        }
        return (entries, metadata)
    }

    private mutating func write(_ entries: [Entry], _ metadata: Any?) {
        var fields: [String: Any] = [:]
        fields["__metadata__"] = metadata
        data = []
        for entry in entries where fields[entry.name] == nil {
            fields[entry.name] = [
                "dtype": entry.type, "shape": entry.shape,
                "data_offsets": [data.count, data.count + entry.data.count],
            ]
            data += entry.data
        }
        let text = try? JSONSerialization.data(withJSONObject: fields, options: .sortedKeys)
        if let text { header = Array(text) }
    }
}

extension SafetensorsFile.Entry {
    /// Gives the same elements another shape.
    fileprivate mutating func reshape(using random: inout Xoshiro256) {
        let count = shape.reduce(1) { $0 &* $1 }
        let part = random.pick([1, 2, 3, 4, 8])
        let choices =
            [[count], [1, count], [count, 1], [1, 1, count], shape.reversed(), [1] + shape]
            + (count % part == 0 ? [[part, count / part], [count / part, part]] : [])
        shape = random.pick(choices)
    }

    /// Changes the extent of a dimension, and the data accordingly.
    fileprivate mutating func resize(using random: inout Xoshiro256) {
        let size = ["F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8][type] ?? 4
        guard !shape.isEmpty else {
            shape = [1]
            return
        }
        let axis = random.below(shape.count)
        let extent = shape[axis]
        shape[axis] = random.pick([0, 1, 2, 3, extent &+ 1, max(1, extent) - 1, 2 &* extent, 300])
        let count = shape.reduce(size) { $0 &* $1 }
        guard 0...1 << 18 ~= count else {
            shape[axis] = extent
            return
        }
        let pattern = data.isEmpty ? [0] : data
        data = (0..<count).map { pattern[$0 % pattern.count] }
    }
}
