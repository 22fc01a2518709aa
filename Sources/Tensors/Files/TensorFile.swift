import Platform

/// A file of named tensors, opened: its header has been read and checked; each tensor is read on request, straight into
/// its memory.
///
/// The formats are safetensors, npy (one tensor, named `array`), and PyTorch's `torch.save`, in its zip form and its
/// legacy form: state dicts and training checkpoints, in which the names of nested values are joined by dots
/// (`teacher.backbone.cls_token`) and list elements are numbered from 0. The content identifies the format, not the
/// file name.
///
/// A pickle is treated as data: the few constructors that state dicts need are implemented here, every other name is
/// refused, and nothing is executed.
public struct TensorFile: Sendable {
    /// The format of a file.
    public enum Format: String, Hashable, Sendable, Codable {
        /// One array as numpy saves it (.npy).
        case npy
        /// The safetensors format.
        case safetensors
        /// The zip archive that `torch.save` writes.
        case pytorch
        /// The older form of `torch.save`: a series of pickles, followed by the storages.
        case pytorchLegacy
    }

    /// The path that was opened: a file, an index or a folder.
    public let path: String
    /// The format of the file, or of the first file of an index.
    public let format: Format
    /// The names of the tensors, in the order in which the file describes them.
    public let names: [String]
    /// Short texts stored with the tensors: the `__metadata__` of safetensors; for PyTorch files the strings, numbers
    /// and booleans in their dictionaries (`epoch`, `args.arch`).
    public let metadata: [String: String]
    /// Size of the file in bytes, or of all files of an index together.
    public let byteCount: Int
    /// The paths of the files that hold the tensors: one, or several with an index.
    public let files: [String]

    /// The most elements that the tensors may have together; a file can only exceed it by views that repeat a few
    /// stored elements.
    package var maximumElementCount: Int { TensorRecord.maximumElementCount(byteCount: byteCount) }

    private let records: [String: TensorRecord]
    /// Why certain tensors cannot be read, by name: "is sparse; …".
    private let unreadable: [String: String]

    /// The contents of a file according to its header.
    struct Contents {
        var records: [(name: String, record: TensorRecord)] = []
        /// Tensors that cannot be read, with the reason.
        var unreadable: [(name: String, reason: String)] = []
        var metadata: [String: String] = [:]
    }

    /// Opens a file and reads its header.
    ///
    /// A tensor of an unsupported kind (sparse, quantised, complex …) does not affect the others: it is listed in
    /// `names`, and reading it throws.
    ///
    /// - Parameter path: a file, an index of files, or a folder that contains one of them under the name that Hugging
    ///   Face's `save_pretrained` gives it.
    /// - Throws: `TensorFileError` if the file cannot be read, is of an unknown format, contradicts itself, or contains
    ///   a pickle with names that weights do not need.
    /// - Complexity: O(header); for a 330 MB state dict about 50 kB are read.
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
                unreadable[name] = "occurs twice"
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

    /// The shape of a tensor; nil if no readable tensor has that name.
    public func shape(of name: String) -> Shape? { records[name]?.shape }

    /// The element type of a tensor in the file; nil if no readable tensor has that name.
    public func elementType(of name: String) -> ElementType? { records[name]?.elementType }

    /// Reads a tensor, converting its elements to 32-bit floats.
    ///
    /// Half precisions and integers up to 2^24 keep their values; others are rounded. Besides the result this takes at
    /// most 256 KiB of memory or, for a tensor saved transposed or sliced, the size of the part of the file that spans
    /// it.
    ///
    /// - Throws: `TensorFileError` if there is no such tensor, or if the file cannot be read, has shrunk, or expands
    ///   few stored elements to a large shape.
    public func tensor(named name: String) throws(TensorFileError) -> Tensor {
        let record = try record(named: name)
        var tensor = Tensor(uninitialized: record.shape)
        try withUnsafePointers(writing: &tensor, perform: record.read)
        return tensor
    }

    /// The record of a tensor, whose shape has been checked against the size of the file.
    private func record(named name: String) throws(TensorFileError) -> TensorRecord {
        guard let record = records[name] else { throw reasonAgainst(name) }
        try record.checkSpread()
        return record
    }

    /// The error for a tensor that cannot be read: no tensor has that name, or it is of an unsupported kind.
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
    /// The format's name in error messages.
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
    /// Reads several tensors stacked along the first dimension: with shapes `[a, …]` and `[b, …]` the result is `[a +
    /// b, …]`.
    ///
    /// - Throws: as `tensor(named:)` does.
    /// - Precondition: `names` is not empty, and the shapes agree except for the first dimension.
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
        guard let inner else { fail("rows: no names given") }
        var tensor = Tensor(uninitialized: Shape([rows] + inner))
        var done = 0
        for record in parts {
            try withUnsafePointers(writing: &tensor) { target throws(TensorFileError) in
                try record.read(into: target + done)
            }
            done += record.shape.count
        }
        return tensor
    }
}
