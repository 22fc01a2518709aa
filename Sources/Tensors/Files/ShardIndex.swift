import Platform

/// The index of a model whose tensors are spread over several files of one folder, as Hugging Face's `save_pretrained`
/// writes it (`model.safetensors.index.json`): a JSON object with a `weight_map` from tensor names to file names.
struct ShardIndex {
    /// The files, each with the names of the tensors to take from it.
    private(set) var shards: [(path: String, names: Set<String>)] = []

    /// The longest index accepted, in bytes: a network with a thousand blocks has 1.5 MB.
    private static let limit = 1 << 22
    /// The most files, which all stay open: the largest published models have about 200.
    private static let mostShards = 512

    /// Whether a file starts as JSON does. Safetensors may start with the same byte, but has zeros among its first
    /// eight.
    static func isIndex(_ start: [UInt8]) -> Bool {
        start.first == UInt8(ascii: "{") && !start.prefix(8).contains(0)
    }

    /// - Throws: if the text is not understood, is too long, or leads outside its folder.
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
                            "it places \(shown(name)) in \(shown(shard)); expected the"
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

    /// Whether a text names a file in the same folder.
    private static func isName(_ text: String) -> Bool {
        // No file system has longer names.
        !["", ".", ".."].contains(text) && text.utf8.count <= 255
            && !text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == 0 }
    }
}

extension TensorFile.Contents {
    /// Reads the headers of all files of an index.
    ///
    /// - Returns: the format of the first file, the contents of all, and the open files in the index's order.
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
                    "it places \(shown(missing)) in \(shown(path)), which lacks it")
            }
            joined.records += contents.records.filter { names.contains($0.name) }
            joined.unreadable += contents.unreadable.filter { names.contains($0.name) }
            joined.metadata.merge(contents.metadata) { first, _ in first }
        }
        return (format, joined, files)
    }
}
