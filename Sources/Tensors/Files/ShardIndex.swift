import Platform

/// The index of a model whose tensors are in several files of one folder, as Hugging Face's
/// `save_pretrained` writes it (`model.safetensors.index.json`): a JSON object with a `weight_map`
/// from the name of a tensor to that of its file.
struct ShardIndex {
    /// The files with the tensors that are to be taken from them.
    private(set) var shards: [(path: String, names: Set<String>)] = []

    /// The longest index that is read: a network with a thousand blocks has 1.5 MB.
    private static let limit = 1 << 22
    /// The most files, all of which stay open: the largest published models have some 200.
    private static let mostShards = 512

    /// Whether a file starts as JSON does; safetensors, which may start so too, has zeros in its
    /// first eight bytes.
    static func isIndex(_ start: [UInt8]) -> Bool {
        start.first == UInt8(ascii: "{") && !start.prefix(8).contains(0)
    }

    /// - Throws: where the text is not understood, too long, or leads outside of its folder.
    init(_ file: RandomAccessFile) throws(TensorFileError) {
        guard file.size <= ShardIndex.limit else {
            throw file.unsupported(
                "it is an index of \(file.size) bytes; expected at most \(ShardIndex.limit)")
        }
        var scanner = TextScanner(
            try file.bytes(at: 0, count: file.size), file: file, what: "index of shards")
        let folder = Path.folder(of: file.path)
        var positions: [String: Int] = [:]
        var seen: Set<String> = []
        try scanner.expect("{")
        if !scanner.take("}") {
            repeat {
                let key = try scanner.string()
                try scanner.expect(":")
                guard key == "weight_map" else {
                    try scanner.skipValue()
                    continue
                }
                try scanner.expect("{")
                if scanner.take("}") { continue }
                repeat {
                    let name = try scanner.string()
                    try scanner.expect(":")
                    let shard = try scanner.string()
                    guard seen.insert(name).inserted else {
                        throw file.damaged("it lists \(shown(name)) twice")
                    }
                    guard ShardIndex.isName(shard) else {
                        throw file.damaged(
                            "it looks for \(shown(name)) in \(shown(shard)); expected the"
                                + " name of a file beside it")
                    }
                    let position = positions[shard] ?? shards.count
                    if positions.updateValue(position, forKey: shard) == nil {
                        shards.append((Path.joined(folder, shard), []))
                    }
                    shards[position].names.insert(name)
                } while scanner.take(",")
                try scanner.expect("}")
            } while scanner.take(",")
            try scanner.expect("}")
        }
        guard scanner.isAtEnd else { throw scanner.unexpected() }
        guard !shards.isEmpty, shards.count <= ShardIndex.mostShards else {
            throw file.unsupported(
                "its weight_map names \(shards.count) files; expected an index of 1 to"
                    + " \(ShardIndex.mostShards) files with weights")
        }
    }

    /// Whether a text names a file of the same folder, and nothing outside of it.
    private static func isName(_ text: String) -> Bool {
        // No system has longer ones.
        !["", ".", ".."].contains(text) && text.utf8.count <= 255
            && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }
}

extension TensorFile.Contents {
    /// What is in the shards of an index.
    ///
    /// - Returns: the format of the first, and all of them in the index's order.
    static func joined(
        _ index: ShardIndex, _ file: RandomAccessFile
    ) throws(TensorFileError) -> (TensorFile.Format, TensorFile.Contents, [RandomAccessFile]) {
        var joined = TensorFile.Contents()
        var format = TensorFile.Format.safetensors
        var files: [RandomAccessFile] = []
        for (path, names) in index.shards {
            let shard = try RandomAccessFile(path: path)
            let (found, contents) = try TensorFile.contents(of: shard)
            if files.isEmpty { format = found }
            files.append(shard)
            let there = Set(contents.records.map(\.name) + contents.unreadable.map(\.name))
            if let missing = names.subtracting(there).min() {
                throw file.damaged(
                    "it looks for \(shown(missing)) in \(shown(path)), which lacks it")
            }
            joined.records += contents.records.filter { names.contains($0.name) }
            joined.unreadable += contents.unreadable.filter { names.contains($0.name) }
            joined.metadata.merge(contents.metadata) { first, _ in first }
        }
        return (format, joined, files)
    }
}
