/// The two forms of `torch.save` (torch/serialization.py): a zip archive whose entries are the pickle and each storage,
/// and the legacy form, a series of pickles followed by the storages.
enum PyTorchFile {
    /// The start of a legacy file: protocol 2 and the ten bytes of `MAGIC_NUMBER`.
    static let legacyMagic: [UInt8] = [
        0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e,
    ]

    static func zipContents(of file: RandomAccessFile) throws(TensorFileError)
        -> TensorFile.Contents
    {
        let archive = try ZipArchive(file)
        let pickles = archive.entries.keys.filter { $0 == "data.pkl" || $0.hasSuffix("/data.pkl") }
        guard pickles.count == 1, let name = pickles.first,
            let pickle = try archive.storedEntry(name)
        else {
            throw file.unsupported(
                "it is a zip archive with \(pickles.count) entries named data.pkl;"
                    + " expected one, as torch.save writes")
        }
        let prefix = name.dropLast("data.pkl".count)
        guard archive.entries["\(prefix)constants.pkl"] == nil else {
            throw file.unsupported(
                "it is a TorchScript program (torch.jit.save); expected its weights, by"
                    + " torch.save(model.state_dict(), …)")
        }
        if let order = try archive.storedEntry("\(prefix)byteorder") {
            guard
                try file.bytes(at: order.offset, count: min(order.count, 8)) == Array("little".utf8)
            else { throw file.unsupported("its byte order is not little-endian") }
        }
        var reader = ByteReader(file, from: pickle.offset, to: pickle.offset + pickle.count)
        let graph = try Unpickler.read(&reader)
        var extents: [String: (offset: Int, count: Int)] = [:]
        for storage in graph.storages where extents[storage.key] == nil {
            guard let entry = try archive.storedEntry("\(prefix)data/\(storage.key)") else {
                throw file.damaged("it lacks the entry \(prefix)data/\(shown(storage.key))")
            }
            extents[storage.key] = (entry.offset, entry.count)
        }
        return try contents(of: graph, extents, in: file)
    }

    static func legacyContents(of file: RandomAccessFile) throws(TensorFileError)
        -> TensorFile.Contents
    {
        var reader = ByteReader(file, from: legacyMagic.count, to: file.size)
        let protocolVersion = try Unpickler.read(&reader)
        guard protocolVersion.int(protocolVersion.root) == 1001 else {
            throw file.unsupported("its legacy protocol is not 1001, the only one there is")
        }
        let system = try Unpickler.read(&reader).contents(of: file).metadata
        guard system["little_endian"] == "true" else {
            throw file.unsupported("its byte order is not little-endian")
        }
        let graph = try Unpickler.read(&reader)
        let keys = try Unpickler.read(&reader)
        let types = Dictionary(
            graph.storages.map { ($0.key, graph.type(of: $0)) },
            uniquingKeysWith: { first, _ in first }
        )
        guard let order = keys.list(keys.root) else {
            throw file.damaged("its list of storages is not a list")
        }
        var extents: [String: (offset: Int, count: Int)] = [:]
        var position = reader.position
        for index in order {
            guard let key = keys.string(index), let type = types[key], extents[key] == nil else {
                throw file.damaged("its list of storages does not agree with its tensors")
            }
            let count = try file.bytes(at: position, count: 8).littleEndian(Int.self, at: 0)
            position += 8
            guard let bytes = Int.product(count, type.size),
                file.contains(offset: position, count: bytes)
            else {
                throw file.damaged("a storage at byte \(position) claims \(count) elements")
            }
            extents[key] = (position, bytes)
            position += bytes
        }
        return try contents(of: graph, extents, in: file)
    }

    /// Locates the elements of each tensor, given the byte range of each storage.
    private static func contents(
        of graph: PickleGraph, _ extents: [String: (offset: Int, count: Int)],
        in file: RandomAccessFile
    ) throws(TensorFileError) -> TensorFile.Contents {
        let pickled = try graph.contents(of: file)
        var contents = TensorFile.Contents(
            unreadable: pickled.unreadable, metadata: pickled.metadata)
        for (name, tensor) in pickled.tensors {
            let storage = graph.storages[Int(tensor.storage)]
            let (type, stored) = (graph.type(of: tensor), graph.type(of: storage))
            guard let elementType = type.elementType else {
                contents.unreadable.append(
                    (name, "holds elements of type \(type.name); \(ElementType.expectation)"))
                continue
            }
            guard let extent = extents[storage.key],
                let bytes = Int.product(storage.count, stored.size), bytes <= extent.count
            else {
                throw file.damaged(
                    "\(shown(name)) needs \(storage.count) elements of \(stored.name),"
                        + " but its storage has \(extents[storage.key]?.count ?? 0) bytes")
            }
            let part = storage.part ?? 0..<storage.count
            guard tensor.offset >= 0, let start = Int.product(tensor.offset, type.size),
                start <= part.count * stored.size,
                let sizes = graph.extents(tensor.sizes), let strides = graph.extents(tensor.strides)
            else {
                throw file.damaged(
                    "\(shown(name)) has an impossible size, stride or offset")
            }
            let record = try TensorRecord(
                name: name, elementType: elementType, dimensions: sizes, strides: strides,
                offset: extent.offset + part.lowerBound * stored.size + start,
                available: part.count * stored.size - start, in: file)
            contents.records.append((name, record))
        }
        return contents
    }
}
