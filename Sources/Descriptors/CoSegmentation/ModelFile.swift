import Foundation
import Tensors

/// Why a file gives no fitted model; the `description` is one sentence.
public enum SegmentationModelError: Error, Hashable, Sendable {
    case file(TensorFileError)
    /// The file is sound but holds something else.
    case otherContent(path: String, expected: String)
    /// The file says what it is but contradicts itself.
    case damaged(path: String, reason: String)
    /// The network's descriptors are not those that the model was fitted to.
    case otherChannels(path: String, expected: Int, found: Int)
}

extension SegmentationModelError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .file(let error):
            error.description
        case .otherContent(let path, let expected):
            "\(path) holds no \(expected) model"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason)"
        case .otherChannels(let path, let expected, let found):
            "\(path) was fitted to descriptors of \(expected) channels;"
                + " this network gives \(found)"
        }
    }
}

/// A fitted model as a file: safetensors, with what it is and its options as JSON in the metadata.
struct ModelFile {
    private static let kindKey = "model"
    private static let optionsKey = "options"

    private let file: TensorFile
    /// The number of channels of every tensor read so far.
    private var channels: Int?

    /// - Parameter kind: what the model is, as in "co-segmentation".
    static func write(
        _ kind: String, options: some Encodable, tensors: [String: Tensor], to path: String
    ) throws(SegmentationModelError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let json = try? encoder.encode(options) else {
            preconditionFailure("ModelFile: options \(options) cannot be written")
        }
        do {
            try Safetensors.write(
                tensors,
                metadata: [kindKey: kind, optionsKey: String(decoding: json, as: UTF8.self)],
                to: path)
        } catch {
            throw .file(error)
        }
    }

    /// Opens a file and reads its options.
    static func open<Options: Decodable>(
        _ path: String, kind: String, _: Options.Type
    ) throws(SegmentationModelError) -> (ModelFile, Options) {
        let file: TensorFile
        do {
            file = try TensorFile(contentsOf: path)
        } catch {
            throw .file(error)
        }
        guard file.metadata[kindKey] == kind, let json = file.metadata[optionsKey] else {
            throw .otherContent(path: path, expected: kind)
        }
        do {
            let options = try JSONDecoder().decode(Options.self, from: Data(json.utf8))
            return (ModelFile(file: file), options)
        } catch {
            throw .damaged(path: path, reason: "its options are not those of a \(kind) model")
        }
    }

    func damaged(_ reason: String) -> SegmentationModelError {
        .damaged(path: file.path, reason: reason)
    }

    /// Reads a matrix; all of a file have the same number of columns.
    mutating func matrix(_ name: String) throws(SegmentationModelError) -> Tensor {
        let matrix = try tensor(name)
        guard matrix.shape.rank == 2, matrix.shape[1] == channels ?? matrix.shape[1] else {
            throw damaged("\(name) is \(matrix.shape), no matrix of \(channels ?? 0) channels")
        }
        channels = matrix.shape[1]
        return matrix
    }

    /// Reads a vector.
    ///
    /// - Parameter count: what it has to have.
    func vector(_ name: String, count: Int) throws(SegmentationModelError) -> Tensor {
        let vector = try tensor(name)
        guard vector.shape == [count] else {
            throw damaged("\(name) is \(vector.shape); expected \(count) numbers")
        }
        return vector
    }

    func has(_ name: String) -> Bool { file.shape(of: name) != nil }

    private func tensor(_ name: String) throws(SegmentationModelError) -> Tensor {
        do {
            return try file.tensor(named: name)
        } catch {
            throw .file(error)
        }
    }
}
