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
    /// Bytes of the whole file.
    public var byteCount: Int { file.size }

    private let file: RandomAccessFile
    private let records: [String: TensorRecord]

    /// Opens a file and reads its header.
    ///
    /// Complexity: O(header); of a 330 MB state dict some 50 kB are read.
    ///
    /// - Throws: `TensorFileError` where the file cannot be read, is of no known format, contradicts
    ///   itself, or names in a pickle what weights do not need.
    public init(contentsOf path: String) throws(TensorFileError) {
        let file = try RandomAccessFile(path: path)
        let start = try file.bytes(at: 0, count: min(file.size, 32))
        var named: [(name: String, record: TensorRecord)]
        if start.starts(with: NPY.magic) {
            format = .npy
            metadata = [:]
            named = [(NPY.name, try NPY.record(in: file))]
        } else if start.starts(with: [0x50, 0x4b, 0x03, 0x04]) {
            format = .pytorch
            let contents = try PyTorchFile.zipContents(of: file)
            metadata = contents.metadata
            named = contents.records
        } else if start.starts(with: PyTorchFile.legacyMagic) {
            format = .pytorchLegacy
            let contents = try PyTorchFile.legacyContents(of: file)
            metadata = contents.metadata
            named = contents.records
        } else if let length = Safetensors.headerLength(start, file) {
            format = .safetensors
            let contents = try Safetensors.contents(of: file, headerLength: length)
            metadata = contents.metadata
            named = contents.records
        } else {
            throw .unknownFormat(path: path, found: TensorFile.describe(start, file))
        }
        self.path = path
        self.file = file
        names = named.map(\.name)
        var records: [String: TensorRecord] = [:]
        for (name, record) in named {
            guard records.updateValue(record, forKey: name) == nil else {
                throw file.damaged("it has two tensors named \(shown(name))")
            }
        }
        self.records = records
    }

    /// The shape of a tensor, nil where there is none of that name.
    public func shape(of name: String) -> Shape? { records[name]?.shape }

    /// What the elements of a tensor are in the file, nil where there is none of that name.
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
        guard let record = records[name] else { throw .noSuchTensor(path: path, name: name) }
        // Before memory is taken: a shape may claim more than the file has.
        try record.checkSpread(in: file)
        let tensor = Tensor(uninitialized: record.shape)
        try record.read(from: file, into: tensor.storage.base)
        return tensor
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
        for name in names {
            guard let record = records[name] else { throw .noSuchTensor(path: path, name: name) }
            try record.checkSpread(in: file)
            let tail = Array(record.shape.dimensions.dropFirst())
            precondition(
                record.shape.rank > 0 && tail == inner ?? tail,
                "rows: \(name) of shape \(record.shape) does not continue the ones before it")
            inner = tail
            rows += record.shape[0]
        }
        guard let inner else { preconditionFailure("rows: no tensor is named") }
        let tensor = Tensor(uninitialized: Shape([rows] + inner))
        var done = 0
        for name in names {
            guard let record = records[name] else { continue }
            try record.read(from: file, into: tensor.storage.base + done)
            done += record.shape.count
        }
        return tensor
    }
}
