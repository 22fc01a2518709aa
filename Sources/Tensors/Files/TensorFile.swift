import Platform

/// A file of named tensors, opened: its header has been read and checked, and each tensor is read
/// when it is asked for, straight into its place.
///
/// Read are safetensors, npy (one tensor, named `array`), and what PyTorch's `torch.save` writes, in
/// its zip form and in the legacy one: state dicts and training checkpoints, in which the names of
/// nested values are joined by dots (`teacher.backbone.cls_token`) and lists count from 0. The
/// format is told by the content, not by the name.
///
/// A pickle is data here: the few constructors that state dicts need are known, every other name in
/// it is refused, and nothing is executed.
public struct TensorFile: Sendable {
    /// How a file is laid out.
    public enum Format: String, Hashable, Sendable, Codable {
        case npy, safetensors, pytorch, pytorchLegacy
    }

    public let path: String
    public let format: Format
    /// The names of the tensors, in the order in which the file describes them.
    public let names: [String]
    /// Short texts beside the tensors: the `__metadata__` of safetensors; of a PyTorch file the
    /// texts, numbers and truth values in its dictionaries (`epoch`, `args.arch`).
    public let metadata: [String: String]
    /// Bytes of the whole file, or of all files that an index names.
    public let byteCount: Int
    /// The files that hold the tensors: one, or those that an index names.
    public let files: [String]

    /// The most elements that tensors may have together; more are views of few stored ones.
    package var mostElements: Int { TensorRecord.mostElements(byteCount: byteCount) }

    private let records: [String: TensorRecord]
    /// Why tensors cannot be read: "is sparse; …".
    private let unreadable: [String: String]

    /// What a file describes.
    struct Contents {
        var records: [(name: String, record: TensorRecord)] = []
        /// Tensors that are not read, with the reason.
        var unreadable: [(name: String, reason: String)] = []
        var metadata: [String: String] = [:]
    }

    /// Opens a file and reads its header.
    ///
    /// A tensor of a kind that is not read (sparse, quantised, complex …) stands in the way of none
    /// beside it: it is among `names`, and reading it throws.
    ///
    /// Complexity: O(header); of a 330 MB state dict some 50 kB are read.
    ///
    /// - Parameter path: a file, an index of files, or a folder with one of them under the name that
    ///   Hugging Face's `save_pretrained` gives it.
    /// - Throws: `TensorFileError` where the file cannot be read, is of no known format, contradicts
    ///   itself, or names in a pickle what weights do not need.
    public init(contentsOf path: String) throws(TensorFileError) {
        let inside = FileSystem.isFolder(path) ? try ModelFiles.weights(inFolder: path) : path
        let file = try RandomAccessFile(path: inside)
        let isIndex = ShardIndex.isIndex(try file.start())
        let contents: Contents
        let opened: [RandomAccessFile]
        if isIndex {
            (format, contents, opened) = try Contents.joined(ShardIndex(file), file)
        } else {
            (format, contents) = try TensorFile.contents(of: file)
            opened = [file]
        }
        self.path = path
        files = opened.map(\.path)
        byteCount = opened.reduce(0) { $0 + $1.size }
        metadata = contents.metadata
        var names: [String] = []
        var records: [String: TensorRecord] = [:]
        var unreadable: [String: String] = [:]
        for (name, record) in contents.records {
            if records.updateValue(record, forKey: name) == nil {
                names.append(name)
            } else {
                unreadable[name] = "is there twice"
            }
        }
        for (name, reason) in contents.unreadable {
            if records[name] == nil && unreadable[name] == nil { names.append(name) }
            unreadable[name] = reason
        }
        for name in unreadable.keys { records[name] = nil }
        self.names = names
        self.records = records
        self.unreadable = unreadable
    }

    /// Reads the header of one file.
    static func contents(
        of file: RandomAccessFile
    ) throws(TensorFileError) -> (Format, Contents) {
        let start = try file.start()
        if start.starts(with: NPY.magic) {
            return (.npy, Contents(records: [(NPY.name, try NPY.record(in: file))]))
        }
        if start.starts(with: [0x50, 0x4b, 0x03, 0x04]) {
            return (.pytorch, try PyTorchFile.zipContents(of: file))
        }
        if start.starts(with: PyTorchFile.legacyMagic) {
            return (.pytorchLegacy, try PyTorchFile.legacyContents(of: file))
        }
        if let length = Safetensors.headerLength(start, file) {
            return (.safetensors, try Safetensors.contents(of: file, headerLength: length))
        }
        throw .unknownFormat(path: file.path, found: TensorFile.describe(start, file))
    }

    /// The shape of a tensor, nil where none of that name can be read.
    public func shape(of name: String) -> Shape? { records[name]?.shape }

    /// What the elements of a tensor are in the file, nil where none of that name can be read.
    public func elementType(of name: String) -> ElementType? { records[name]?.elementType }

    /// Reads a tensor; its elements become 32-bit floats.
    ///
    /// Half precisions and integers up to 2^24 keep their value, others are rounded. Memory beside
    /// the result: 256 KiB at most, or for a tensor that was saved transposed or cut, the stretch of
    /// the file that holds it.
    ///
    /// - Throws: `TensorFileError` where there is no such tensor, or the file cannot be read, has
    ///   shrunk, or spreads few stored elements over a large shape.
    public func tensor(named name: String) throws(TensorFileError) -> Tensor {
        let record = try record(named: name)
        let tensor = Tensor(uninitialized: record.shape)
        try record.read(into: tensor.storage.base)
        return tensor
    }

    /// A tensor that may be read: its shape does not claim more than the file has.
    private func record(named name: String) throws(TensorFileError) -> TensorRecord {
        guard let record = records[name] else { throw reasonAgainst(name) }
        try record.checkSpread()
        return record
    }

    /// Why a tensor cannot be read: there is none of that name, or it is of another kind.
    package func reasonAgainst(_ name: String) -> TensorFileError {
        unreadable[name].map {
            .unsupported(path: path, reason: "\(shown(name)) \($0)")
        } ?? .noSuchTensor(path: path, name: name)
    }

    private static func describe(_ start: [UInt8], _ file: RandomAccessFile) -> String {
        if start.isEmpty { return "empty" }
        let text = String(decoding: start, as: UTF8.self)
        if text.hasPrefix("version https://git-lfs") {
            return "a Git LFS pointer, not the file that it points to"
        }
        if text.hasPrefix("<") { return "an HTML or XML page" }
        if start[0] == 0x80 { return "a pickle that torch.save did not write" }
        let shown = start.prefix(4).map { String($0, radix: 16) }.joined(separator: " ")
        return "of an unknown format (its first bytes are \(shown))"
    }
}

extension TensorFile.Format: CustomStringConvertible {
    public var description: String {
        switch self {
        case .npy: "npy"
        case .safetensors: "safetensors"
        case .pytorch: "PyTorch (zip form)"
        case .pytorchLegacy: "PyTorch (legacy form)"
        }
    }
}

extension TensorFile {
    /// Reads tensors one below the other into one: with shapes `[a, …]` and `[b, …]` the result is
    /// `[a + b, …]`.
    ///
    /// - Throws: as `tensor(named:)`.
    /// - Precondition: there is a name, and the shapes agree but for the first extent.
    package func rows(of names: [String]) throws(TensorFileError) -> Tensor {
        var rows = 0
        var inner: [Int]?
        var parts: [TensorRecord] = []
        for name in names {
            let record = try record(named: name)
            let tail = Array(record.shape.dimensions.dropFirst())
            require(
                record.shape.rank > 0 && tail == inner ?? tail,
                "rows: \(name) of shape \(record.shape) does not continue the ones before it")
            inner = tail
            rows += record.shape[0]
            parts.append(record)
        }
        guard let inner else { fail("rows: no tensor is named") }
        let tensor = Tensor(uninitialized: Shape([rows] + inner))
        var done = 0
        for record in parts {
            try record.read(into: tensor.storage.base + done)
            done += record.shape.count
        }
        return tensor
    }
}
