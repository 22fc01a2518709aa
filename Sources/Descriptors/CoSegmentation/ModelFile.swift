import Foundation
import Platform
import Tensors

/// Why a fitted model cannot be read, written or used; the `description` is one sentence.
public enum SegmentationModelError: Error, Hashable, Sendable {
    /// The file cannot be read or written.
    case file(TensorFileError)
    /// The file is valid but contains something other than this kind of model.
    case otherContent(path: String, expected: String)
    /// The file's model is invalid or inconsistent.
    case damaged(path: String, reason: String)
    /// The network's descriptors differ in channels from those that the model was fitted to.
    case otherChannels(path: String, expected: Int, found: Int)
}

extension SegmentationModelError: CustomStringConvertible {
    /// The reason, as one sentence.
    public var description: String { printable(sentence) }

    private var sentence: String {
        switch self {
        case .file(let error):
            error.description
        case .otherContent(let path, let expected):
            "\(path) is not a \(expected) model"
        case .damaged(let path, let reason):
            "\(path) is damaged: \(reason)"
        case .otherChannels(let path, let expected, let found):
            "\(path) was fitted to descriptors of \(expected) channels;"
                + " this network's have \(found)"
        }
    }
}

/// The file of a fitted model: safetensors, with its kind and its options (as JSON) in the metadata.
struct ModelFile {
    private static let kindKey = "model"
    private static let optionsKey = "options"

    private let file: TensorFile
    /// The number of channels of every tensor read so far.
    private var channels: Int?

    /// Writes a model.
    ///
    /// - Parameter kind: the kind of model, such as "co-segmentation".
    static func write(
        _ kind: String, options: some Encodable, tensors: [String: Tensor], to path: String
    ) throws(SegmentationModelError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        guard let json = try? encoder.encode(options) else {
            fail("ModelFile: options \(options) cannot be written")
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

    /// Opens a file, reads its options and checks their bounds.
    static func open<Options: Decodable & Bounded>(
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
        guard let options = try? JSONDecoder().decode(Options.self, from: Data(json.utf8)) else {
            throw .damaged(path: path, reason: "its options are not those of a \(kind) model")
        }
        if let fault = options.fault {
            throw .damaged(path: path, reason: "an option is invalid: \(fault)")
        }
        return (ModelFile(file: file), options)
    }

    func damaged(_ reason: String) -> SegmentationModelError {
        .damaged(path: file.path, reason: reason)
    }

    /// Reads the centres of clusters and checks that all centres of the file have the same number of
    /// channels.
    ///
    /// - Parameters:
    ///   - name: the tensor's name.
    ///   - most: the maximum number of centres that a fit with the file's options can have.
    ///   - binning: the binning of the descriptors; the channels are a multiple of its bins.
    mutating func centres(
        _ name: String, most: Int, binning: Binning
    ) throws(SegmentationModelError) -> Tensor {
        let shape = file.shape(of: name)
        guard let shape, shape.rank == 2, shape[1] > 0, shape[1] == channels ?? shape[1] else {
            throw damaged(
                "\(name) is \(shape.map { "\($0)" } ?? "missing"); expected a matrix"
                    + (channels.map { " of \($0) channels" } ?? ""))
        }
        guard shape[0] <= most else {
            throw damaged("\(name) has \(shape[0]) rows; its options allow at most \(most)")
        }
        guard shape[1] % binning.bins == 0 else {
            throw damaged(
                "\(name) has \(shape[1]) channels, not a multiple of its \(binning.bins) bins")
        }
        channels = shape[1]
        return try tensor(name)
    }

    /// Reads a vector.
    ///
    /// - Parameters:
    ///   - name: the tensor's name.
    ///   - count: the expected number of elements.
    func vector(_ name: String, count: Int) throws(SegmentationModelError) -> Tensor {
        let vector = try tensor(name)
        guard vector.shape == [count] else {
            throw damaged("\(name) is \(vector.shape); expected \(count) numbers")
        }
        return vector
    }

    func has(_ name: String) -> Bool { file.shape(of: name) != nil }

    private func tensor(_ name: String) throws(SegmentationModelError) -> Tensor {
        let tensor: Tensor
        do {
            tensor = try file.tensor(named: name)
        } catch {
            throw .file(error)
        }
        guard tensor.isFinite else { throw damaged("\(name) is not finite") }
        return tensor
    }
}
