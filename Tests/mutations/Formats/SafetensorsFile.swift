import Foundation
import Tensors

/// A safetensors file as its header and its data.
struct SafetensorsFile {
    private var header: [UInt8]
    private var data: [UInt8]

    /// Nil where the length of the header leads outside of the file.
    init?(_ bytes: [UInt8]) {
        let length = bytes.integer(at: 0, size: 8, isBigEndian: false)
        guard bytes.count > 8, length >= 0, length <= bytes.count - 8 else { return nil }
        header = Array(bytes[8..<8 + length])
        data = Array(bytes[(8 + length)...])
    }

    var bytes: [UInt8] { integerBytes(header.count, size: 8, isBigEndian: false) + header + data }

    mutating func mutate(using chance: inout Xoshiro256) {
        switch chance.below(8) {
        case 0, 1: data.mutateFloats(in: 0..<data.count, using: &chance)
        case 2, 3: rearrange(using: &chance)
        default:
            guard var text = JSONText(header) else {
                return header.mutate(others: [Array("{}".utf8)], using: &chance)
            }
            text.mutate(using: &chance)
            header = text.bytes
        }
    }

    fileprivate struct Entry {
        var name: String
        var type: String
        var shape: [Int]
        var data: [UInt8]
    }

    /// Changes, removes or renames a tensor; header and data agree as before.
    private mutating func rearrange(using chance: inout Xoshiro256) {
        guard let (found, metadata) = entries, !found.isEmpty else { return }
        var entries = found
        let index = chance.below(entries.count)
        let names = entries.map(\.name)
        switch chance.below(6) {
        case 0: entries.remove(at: index)
        case 1:
            entries[index].name = chance.pick(names + ["", "cls_token", "head.weight", "a.b.c"])
        case 2:
            let extra = entries[index]
            entries.append(extra)
            entries[entries.count - 1].name += chance.pick(["2", ".weight", "\u{1B}[0m", "."])
        case 3: entries[index].reshape(using: &chance)
        case 4: entries[index].resize(using: &chance)
        default:
            let other = chance.below(entries.count)
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
    /// Another shape of the same elements.
    fileprivate mutating func reshape(using chance: inout Xoshiro256) {
        let count = shape.reduce(1) { $0 &* $1 }
        let part = chance.pick([1, 2, 3, 4, 8])
        let choices =
            [[count], [1, count], [count, 1], [1, 1, count], shape.reversed(), [1] + shape]
            + (count % part == 0 ? [[part, count / part], [count / part, part]] : [])
        shape = chance.pick(choices)
    }

    /// Another extent, and the data for it.
    fileprivate mutating func resize(using chance: inout Xoshiro256) {
        let size = ["F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8][type] ?? 4
        guard !shape.isEmpty else {
            shape = [1]
            return
        }
        let axis = chance.below(shape.count)
        let extent = shape[axis]
        shape[axis] = chance.pick([0, 1, 2, 3, extent &+ 1, max(1, extent) - 1, 2 &* extent, 300])
        let count = shape.reduce(size) { $0 &* $1 }
        guard 0...1 << 18 ~= count else {
            shape[axis] = extent
            return
        }
        let pattern = data.isEmpty ? [0] : data
        data = (0..<count).map { pattern[$0 % pattern.count] }
    }
}
